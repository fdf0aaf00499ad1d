#pragma once
#include <capstan/importers/export_file.hpp>

namespace capstan::importers {

/// Exported streams as compressed blocks of what the journal holds. Source: docs/on-disk-format.md,
/// "Export container".
///
///   block   := u32 magic "CXPB", u8 version = 1, u8 kind, u16 zero, u32 bytes, u32 packed bytes,
///              32 B SHA-256 of the content, content as one zstd frame
///   content := kind 1 (begin): u64 generation, u64 after, hash128 chain, name
///              kind 2 (runs):  u64 first seq, (u64 mark before, delivered run)*
///              kind 3 (end):   u64 head, hash128 chain
class ExportContainerWriter final : public ExportWriter {
  public:
    explicit ExportContainerWriter(WriteBytes write) : write_(std::move(write)) {}
    Result<> begin(ExportedStream const& stream) override;
    Result<> run(Seq first, Seq mark_before, DeliveredRunView const& run) override;
    Result<> end(ExportedEnd const& end) override;

  private:
    Result<> write_runs();

    WriteBytes write_;
    Bytes runs_;  // content of the block that is being filled
};

class ExportContainerReader final : public ExportReader {
  public:
    static constexpr std::string_view kMagic = "CXPB";

    explicit ExportContainerReader(ReadBytes read) : read_(std::move(read)) {}
    Result<bool> next(ExportedPiece& piece) override;
    std::uint64_t whole_bytes() const override { return whole_bytes_; }
    bool is_cut_off() const override { return cut_off_; }
    ExportForm form() const override { return ExportForm::container; }

  private:
    Result<bool> fill(Bytes& bytes);
    Result<bool> take_block();
    Result<> take_run(ExportedPiece& piece);
    Error at_block(Error error) const;

    ReadBytes read_;
    std::uint8_t kind_ = 0;
    Bytes content_;          // of the last block
    std::size_t taken_ = 0;  // of a block of runs
    Seq next_;
    std::uint64_t read_bytes_ = 0;
    std::uint64_t whole_bytes_ = 0;
    bool cut_off_ = false;
};

}  // namespace capstan::importers

#pragma once
#include <capstan/importers/event_json.hpp>
#include <capstan/importers/export_file.hpp>
#include <optional>
#include <string_view>
#include <utility>

namespace capstan::importers {

/// Exported streams as lines of JSON. All events of a run stand in lines of their own; the first
/// one says what goes for all of them.
///
///   begin := {"capstan_export":1,"stream":NAME,"generation":HEX16,"after":SEQ,"chain":HEX32}
///   event := {"seq":SEQ,"time":TIME,"device":HEX32,"counter":N,"preceding_seq":SEQ,
///             ["run":{"events":N,"attempt":"N","after":"COUNTER@ATTEMPT","mark":SEQ
///                     [,"flags":N][,"at_head":true]},] event members (event_json.hpp)}
///   end   := {"end":SEQ,"chain":HEX32}
///
/// Attempts use all 64 bits and are therefore texts.
class ExportLinesWriter final : public ExportWriter {
  public:
    explicit ExportLinesWriter(WriteBytes write) : write_(std::move(write)) {}
    Result<> begin(ExportedStream const& stream) override;
    Result<> run(Seq first, Seq mark_before, DeliveredRunView const& run) override;
    Result<> end(ExportedEnd const& end) override;

  private:
    WriteBytes write_;
};

class ExportLinesReader final : public ExportReader {
  public:
    explicit ExportLinesReader(ReadBytes read);
    Result<bool> next(ExportedPiece& piece) override;
    std::uint64_t whole_bytes() const override { return whole_bytes_; }
    bool is_cut_off() const override { return cut_off_; }
    ExportForm form() const override { return ExportForm::ndjson; }

  private:
    struct Line {
        std::string_view text;
        Json json;
    };
    Result<std::optional<Line>> take_line();
    Result<bool> take_run(Line line, ExportedPiece& piece);
    Error at_line(Error error) const;

    LineSource source_;
    std::uint64_t read_bytes_ = 0;
    std::uint64_t whole_bytes_ = 0;
    bool cut_off_ = false;
};

}  // namespace capstan::importers

#include <capstan/sequencer/file_journal.hpp>
#include <utility>

#include "reader.hpp"
#include "recovery.hpp"
#include "segment_table.hpp"
#include "writer.hpp"

namespace capstan {

using namespace file_journal;

struct FileJournal::Parts {
    Parts(Storage& storage, Random& random, JournalOptions const& options)
        : writer(storage, random, options, marks) {}

    void attach(Storage& storage, SegmentNumber first, std::size_t descriptors_max) {
        SegmentNumber const last{writer.tail().segment.number};
        table = std::make_unique<SegmentTable>(storage, first, last, descriptors_max);
        reader = std::make_unique<Reader>(marks, *table);
        writer.attach(*table);
    }

    std::unique_ptr<StorageLock> lock;
    Marks marks;
    Writer writer;
    std::unique_ptr<SegmentTable> table;
    std::unique_ptr<Reader> reader;
};

Result<OpenedJournal> FileJournal::open(Storage& storage,
                                        Random& random,
                                        JournalOptions const& options,
                                        SubmissionVisitor const& tail) {
    CAPSTAN_INVARIANT(options.segment_bytes >= kSegmentBytesMin &&
                      options.segment_bytes <= kSegmentBytesMax);
    CAPSTAN_INVARIANT(options.block_shift >= 9 && options.block_shift <= 16);
    auto parts = std::make_unique<Parts>(storage, random, options);
    CAPSTAN_TRY(parts->lock, storage.lock(kLockName));
    CAPSTAN_TRY(auto const names, storage.list());
    auto const numbers = segments_in(names);

    RecoveryReport report;
    SegmentNumber first{1};
    if (numbers.empty()) {
        if (options.checkpoint) {
            auto const& place = *options.checkpoint;
            return corrupt(place.segment,
                           place.offset,
                           Position{1},
                           place.position,
                           "there is a checkpoint, but no segment");
        }
        auto const lineage = options.lineage ? *options.lineage : Lineage{random.next()};
        CAPSTAN_TRY(parts->writer.create(lineage));
        report.created = true;
        report.start = {{}, {}, first, parts->writer.tail().offset};
        report.end = report.start;
    } else {
        CAPSTAN_TRY(auto recovered, Recovery(storage, options, tail).run(numbers));
        first = recovered.first_segment;
        report = std::move(recovered.report);
        CAPSTAN_TRY(parts->writer.resume(std::move(recovered.tail)));
    }
    parts->attach(storage, first, options.descriptors_max);
    return OpenedJournal{std::unique_ptr<FileJournal>(new FileJournal(std::move(parts))),
                         std::move(report)};
}

FileJournal::FileJournal(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
FileJournal::~FileJournal() = default;

Lineage FileJournal::lineage() const {
    return parts_->writer.tail().segment.lineage;
}

Result<Appended> FileJournal::append(std::span<ByteView const> submissions) {
    return parts_->writer.append(submissions);
}

Result<Position> FileJournal::flush() {
    return parts_->writer.flush();
}

Result<> FileJournal::sync() {
    return parts_->writer.sync();
}

Result<Appended> FileJournal::append_copied(std::span<ByteView const> submissions, LogOffset last) {
    return parts_->writer.append_copied(submissions, last);
}

std::optional<LogOffset> FileJournal::copied() const {
    auto const last = parts_->writer.tail().copied;
    return last < LogOffset{} ? std::nullopt : std::optional(last);
}

Result<> FileJournal::mark_idle() {
    return parts_->writer.mark_idle();
}

Result<> FileJournal::prepare_spare() {
    return parts_->writer.prepare_spare();
}

SpareState FileJournal::spare() const {
    return parts_->writer.spare();
}

Result<> FileJournal::seal(SegmentNumber number, ByteView footer) {
    return parts_->writer.seal(number, footer);
}

Result<> FileJournal::trim(Position keep_from) {
    return parts_->writer.trim(keep_from);
}

JournalDescription FileJournal::describe() const {
    auto const& tail = parts_->writer.tail();
    JournalDescription about;
    about.partition = tail.segment.partition;
    about.lineage = tail.segment.lineage;
    about.first_segment = parts_->table->first();
    if (auto const oldest = parts_->table->open(about.first_segment)) {
        about.first = oldest.value()->header.first_position;
    }
    about.durable = durable();
    about.appended = tail.last;
    about.open_segment = SegmentNumber{tail.segment.number};
    about.end = tail.offset;
    about.open_segment_bytes = tail.room;
    about.spare = spare();
    if (auto const& failure = parts_->writer.failure()) {
        about.failed = failure->detail;
    }
    return about;
}

Position FileJournal::durable() const {
    return Position{parts_->marks.durable.load(std::memory_order_acquire)};
}

Result<JournalPlace> FileJournal::locate(Position position) {
    return parts_->reader->locate(position);
}

Result<JournalPlace> FileJournal::read(JournalPlace const& after, SubmissionVisitor const& visit) {
    return parts_->reader->read(after, visit);
}

Result<> FileJournal::pread(SegmentNumber number, Offset offset, std::span<std::byte> into) {
    return parts_->reader->pread(number, offset, into);
}

Result<FooterExtent> FileJournal::footer(SegmentNumber number) {
    return parts_->table->footer(number);
}

Result<ClosedSegment> FileJournal::closed_segment(SegmentNumber number) {
    return parts_->reader->closed_segment(number);
}

}  // namespace capstan

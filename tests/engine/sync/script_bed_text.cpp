// What a script shows of effects and messages.
#include <boost/test/unit_test.hpp>
#include <stdexcept>

#include "script_bed.hpp"
#include "script_ops.hpp"

namespace capstan::test {
using namespace sync;

namespace {

std::string name_of_code(std::uint16_t code) {
    auto const* known = find_error(code);
    return known != nullptr ? std::string(known->name) : std::to_string(code);
}

std::string range(Seq first, Seq last) {
    return std::to_string(first.value) + ".." + std::to_string(last.value);
}

std::int64_t milliseconds(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

std::string ScriptBed::name_of(DeviceId const& device) {
    auto found = std::ranges::find(devices_, device);
    if (found == devices_.end()) {
        devices_.push_back(device);
        found = std::prev(devices_.end());
    }
    return std::string(1, static_cast<char>('A' + (found - devices_.begin())));
}

std::string ScriptBed::text(Link const& link) const {
    return std::to_string(link.counter.value) + "@" + std::to_string(link.attempt.ordinal());
}

std::string ScriptBed::key_text(Bytes const& key) const {
    std::string out(1, static_cast<char>(key[0]));
    auto const name = as_text(ByteView(key).subspan(1));
    auto const end = name.find('\0');
    if (!name.empty()) {
        out += " " + std::string(name.substr(0, end));
    }
    if (end != std::string_view::npos) {
        std::uint64_t id = 0;
        for (auto const digit : ByteView(key).last(8)) {
            id = id << 8 | static_cast<std::uint8_t>(digit);
        }
        out += " " + std::to_string(id);
    }
    return out;
}

std::string ScriptBed::text(Effects const& effects) {
    std::string out;
    for (auto const& write : effects.transaction) {
        out += (write.value ? "put " : "erase ") + key_text(write.key) + "\n";
    }
    if (effects.durable_first) {
        out += "flush\n";
    }
    for (auto const& effect : effects.then) {
        out += text(effect);
    }
    if (effects.wake_at) {
        out += "wake in " + std::to_string(milliseconds(*effects.wake_at - now_)) + "\n";
    }
    return out;
}

std::string ScriptBed::text(Effect const& effect) {
    struct Printer {
        ScriptBed& bed;
        std::string operator()(Connect const& e) const {
            bed.connection_ = e.connection;
            return "connect " + std::to_string(e.connection) + "\n";
        }
        std::string operator()(Send const& e) const { return bed.text(e.message); }
        std::string operator()(Close const& e) const {
            return "close " + std::to_string(e.connection) + ": " + e.why.detail + "\n";
        }
        std::string operator()(Delivery const& e) const {
            std::string out = "deliver " + e.stream + " " + range(e.from, e.last);
            e.each_event([&](DeliveredEvent const& event) {
                out +=
                    " " + bed.name_of(event.dot.device) + std::to_string(event.dot.counter.value);
            });
            return out + "\n";
        }
        std::string operator()(WriteMoved const& e) const {
            std::string out =
                "write " + std::to_string(e.mutation.value) + " " + std::string(to_string(e.state));
            if (e.first > Seq{}) {
                out += " " + range(e.first, e.last);
            }
            if (e.state == WriteState::refused) {
                out += std::string(e.provisional ? " for now: " : ": ") + name_of_code(e.code);
            }
            return out + (e.detail.empty() ? "\n" : ", " + e.detail + "\n");
        }
        std::string operator()(HoleDeclared const& e) const {
            return "hole " + e.stream + " " + range(e.first, e.last) + "\n";
        }
        std::string operator()(SnapshotArrived const& e) const {
            return (e.delta ? "folded delta " : "snapshot ") + e.stream + " at " +
                   std::to_string(e.seq.value) + "\n";
        }
        std::string operator()(HistoryLost const& e) const {
            return "history lost " + e.stream + " head " + std::to_string(e.head.value) + "\n";
        }
        std::string operator()(Recovered const& e) const {
            return "recovered " + bed.name_of(e.before) + " as " + bed.name_of(e.now) + "\n";
        }
        std::string operator()(StatusChanged const& e) const {
            return "status " + std::string(to_string(e.status)) +
                   (e.code == 0 ? "\n" : ": " + name_of_code(e.code) + "\n");
        }
        std::string operator()(Trouble const& e) const {
            return "trouble " + std::string(describe(e.error.code).name) +
                   (e.stream.empty() ? "" : " in " + e.stream) +
                   (e.error.detail.empty() ? "" : ": " + e.error.detail) + "\n";
        }
    };
    return std::visit(Printer{*this}, effect);
}

/// The messages of one payload, a line each.
std::string ScriptBed::text(ByteView payload) {
    struct Printer {
        ScriptBed& bed;
        std::string cursors(
            flatbuffers::Vector<flatbuffers::Offset<fb::StreamCursor>> const* list) {
            std::string out;
            for (flatbuffers::uoffset_t i = 0; list != nullptr && i < list->size(); ++i) {
                auto const* cursor = list->Get(i);
                out += " " + cursor->name()->str() + ":" + std::to_string(cursor->seq());
                out += cursor->subscribe() ? "" : "?";
                out += cursor->generation() != 0 && cursor->chain() == nullptr ? "~" : "";
            }
            return out;
        }
        std::string operator()(fb::Hello const* m) {
            return "Hello " + bed.name_of(from_wire(*m->device())) + cursors(m->streams());
        }
        std::string operator()(fb::Subscribe const* m) {
            return "Subscribe" + cursors(m->streams());
        }
        std::string operator()(fb::Unsubscribe const* m) {
            return "Unsubscribe " + std::to_string(m->stream());
        }
        std::string operator()(fb::Publish const* m) {
            auto const* raw = reinterpret_cast<std::byte const*>(m->run()->data());
            auto const run = RunView::decode({raw, m->run()->size()}).value();
            auto const attempt = run.header().attempt;
            bed.attempts_[attempt.ordinal()] = attempt;
            auto const p = run.header().preceding_seq;
            std::string out = "Publish ";
            out += m->name() != nullptr ? m->name()->str() : std::to_string(m->stream());
            if (m->name() != nullptr) {
                bed.published_by_name_.insert(m->name()->str());
            } else {
                bed.published_by_name_.clear();
            }
            out += " attempt " + std::to_string(attempt.ordinal());
            out += " after " + bed.text(run.header().after);
            out += run.is_floor() ? " floor" : " events " + std::to_string(run.count());
            out += " p " + (p == kAtHead ? "at_head" : std::to_string(p.value));
            out += " generation " + std::to_string(m->generation());
            out += m->expect_head() == kAtHead.value
                       ? ""
                       : " expect " + std::to_string(m->expect_head());
            for (std::uint32_t i = 0; i < run.count(); ++i) {
                if (auto const event = decode_event(run.event(i))) {
                    out += "\n  " + text_of(event.value());
                }
            }
            return out;
        }
        std::string operator()(fb::Need const* m) {
            return "Need " + std::to_string(m->stream()) + " " +
                   range(Seq{m->first()}, Seq{m->last()});
        }
        std::string operator()(fb::NeedChunks const* m) {
            return "NeedChunks " + std::to_string(m->stream()) + " " +
                   std::to_string(m->ids()->size());
        }
        std::string operator()(fb::Ack const* m) {
            return "Ack " + std::to_string(m->stream()) + " " + std::to_string(m->seq());
        }
        std::string operator()(fb::Head const* m) { return "Head " + m->name()->str(); }
        std::string operator()(fb::Credit const* m) {
            return "Credit " + std::to_string(m->bytes());
        }
        std::string operator()(fb::Welcome const*) { return "Welcome"; }
        std::string operator()(fb::Result const*) { return "Result"; }
        std::string operator()(fb::Events const*) { return "Events"; }
        std::string operator()(fb::Hole const*) { return "Hole"; }
        std::string operator()(fb::Snapshot const*) { return "Snapshot"; }
        std::string operator()(fb::Chunk const*) { return "Chunk"; }
        std::string operator()(fb::Notice const*) { return "Notice"; }
    };
    std::string out;
    MessageReader reader(payload);
    for (auto next = reader.next(); next.value(); next = reader.next()) {
        out += "send " + std::visit(Printer{*this}, *next.value()) + "\n";
    }
    return out;
}

}  // namespace capstan::test

// Coalesced events make the model that all events make, also beside those of others who knew
// neither.
#include <rapidcheck/boost_test.h>

#include <boost/test/unit_test.hpp>
#include <capstan/engine/coalesce.hpp>
#include <capstan/engine/model.hpp>

#include "author.hpp"
#include "plain_model.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

using Choices = std::vector<std::uint8_t>;

constexpr std::array kFields = {"field", "other"};

bool is_placed(Op const& op) {
    return op.kind == OpKind::splice || op.kind == OpKind::list_insert ||
           op.kind == OpKind::list_remove || op.kind == OpKind::list_move ||
           op.kind == OpKind::list_set;
}

/// What an author does who knows the base and his own work: only what has an effect in his view.
/// Objects that he makes have ids that nobody else gives, and what he removes he doesn't make
/// again: two who use one id for their own are no matter of coalescing. Texts and lists have a test
/// of their own.
std::vector<Event> events_by(Choices const& choices, PlainModel const& base, std::string name) {
    test::Author author(choices);
    auto view = base;
    std::set<std::string> alive;
    for (auto const& [id, object] : base.objects()) {
        alive.insert(id);
    }
    auto const has_no_effect = [&](Op const& op) {
        if (op.kind == OpKind::insert) {
            return base.objects().contains(op.object) || !alive.insert(op.object).second;
        }
        return is_placed(op) || !alive.contains(op.object) ||
               (op.kind == OpKind::remove && alive.erase(op.object) == 0);
    };
    std::vector<Event> events;
    while (author.has_choices()) {
        auto event = author.next(view);
        std::vector<Op> ops;
        for (auto& op : event.ops) {
            if (!has_no_effect(op)) {
                op.object += base.objects().contains(op.object) ? "" : name;
                ops.push_back(std::move(op));
            }
        }
        if (!ops.empty()) {
            events.push_back({std::move(ops), {}});
        }
    }
    return events;
}

std::string text_of(std::vector<Event> const& events) {
    std::string text;
    for (auto const& event : events) {
        text += "\n ";
        for (auto const& op : event.ops) {
            text += " " + std::to_string(static_cast<int>(op.kind)) + " " + op.object + "." +
                    op.field + ";";
        }
    }
    return text;
}

struct Policy {
    RegisterRule reg;
    SetRule elements;
    DeleteRule deletion;

    coalesce::CoalesceRules rules() const {
        return {.last_wins = reg != RegisterRule::max && reg != RegisterRule::min,
                .adds_win = elements == SetRule::add_wins,
                .deletes_win = deletion == DeleteRule::delete_wins};
    }
    std::vector<Op> ops() const {
        auto const say = [](char const* field, std::string_view word) {
            return Op{.object = "policy", .field = field, .value = std::string(word)};
        };
        return {{.kind = OpKind::insert, .object = "policy", .type = std::string(kPolicyType)},
                say("register", to_string(reg)),
                say("set", to_string(elements)),
                say("delete", to_string(deletion))};
    }
};

/// A stream in which several devices publish one after the other.
class Tape {
  public:
    void publish(std::vector<Event> const& events, std::uint8_t device, Seq p) {
        EventStamp stamp;
        stamp.preceding_seq = p;
        stamp.device.bytes[0] = std::byte{device};
        stamp.run_first = head().next();
        for (auto const& event : events) {
            stamp.seq = head().next();
            model_.apply(event, stamp, nullptr);
        }
    }
    Seq head() const { return model_.head(); }
    Model const& model() const { return model_; }

  private:
    Model model_;
};

std::vector<std::string> const kObjects = [] {
    std::vector<std::string> ids;
    for (std::string const letter : {"A", "B", "C"}) {
        for (std::string const author : {"", "2", "3", "4", "5"}) {
            ids.push_back(letter + author);
        }
    }
    return ids;
}();

/// What a reader sees of a model, without seqs.
std::string text_of(Model const& model) {
    std::string text;
    auto const show = [&text](Value const& value) {
        auto const* number = std::get_if<std::int64_t>(&value);
        text += number == nullptr ? "?" : std::to_string(*number);
        text += ' ';
    };
    for (auto const& id : kObjects) {
        auto const* const object = model.find(id);
        text += id + (object == nullptr ? " -\n" : "\n");
        for (std::string const field : kFields) {
            if (object == nullptr) {
                continue;
            }
            text += "  " + field + ": ";
            for (auto const& value : model.values(*object, field)) {
                show(value.value.value().value_or(Value{}));
            }
            text += "| " + std::to_string(model.counter(*object, field)) + " | ";
            for (auto const& element : model.elements(*object, field)) {
                show(element);
            }
            text += "| ";
            for (auto const& [key, value] : model.entries(*object, field)) {
                text += key + "=";
                show(value);
            }
            text += "\n";
        }
    }
    return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(concurrent_models)

RC_BOOST_PROP(coalesced_events_meet_those_of_others_as_all_events_do,
              (Choices const& past,
               Choices const& before,
               Choices const& own,
               Choices const& after,
               Choices const& later)) {
    Policy const policy{
        *rc::gen::element(RegisterRule::causal,
                          RegisterRule::arrival,
                          RegisterRule::first,
                          RegisterRule::max,
                          RegisterRule::min,
                          RegisterRule::multi),
        *rc::gen::element(SetRule::add_wins, SetRule::remove_wins),
        *rc::gen::element(DeleteRule::delete_wins, DeleteRule::update_wins, DeleteRule::surfaced)};
    PlainModel base;
    auto all_past = events_by(past, base, "");
    all_past.insert(all_past.begin(), Event{policy.ops(), {}});
    base.apply(all_past);
    auto const mine = events_by(own, base, "3");
    auto const text_with = [&](std::vector<Event> const& events) {
        Tape tape;
        tape.publish(all_past, 1, Seq{});
        auto const known = tape.head();
        tape.publish(events_by(before, base, "2"), 2, known);
        tape.publish(events, 3, known);
        tape.publish(events_by(after, base, "4"), 4, known);
        tape.publish(events_by(later, base, "5"), 5, known);
        return text_of(tape.model());
    };
    auto const coalesced =
        coalesce::coalesce(mine, [&policy](auto, auto) { return policy.rules(); });
    RC_LOG() << to_string(policy.reg) << ' ' << to_string(policy.elements) << ' '
             << to_string(policy.deletion) << "\nall:" << text_of(mine)
             << "\ncoalesced:" << text_of(coalesced) << '\n';
    RC_ASSERT(text_with(coalesced) == text_with(mine));
}

BOOST_AUTO_TEST_SUITE_END()

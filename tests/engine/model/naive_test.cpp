// The engine against the naive model, after every event of random streams.
#include <boost/test/unit_test.hpp>

#include "history.hpp"

namespace {

using namespace capstan;
using namespace capstan::test;

NaiveRules random_rules() {
    return {static_cast<RegisterRule>(*rc::gen::inRange(0, 6)),
            static_cast<SetRule>(*rc::gen::inRange(0, 2)),
            static_cast<DeleteRule>(*rc::gen::inRange(0, 3))};
}

std::vector<std::optional<Value>> shown(Model const& model, Object const& object) {
    std::vector<std::optional<Value>> out;
    for (auto const& [value, write] : model.values(object, "r")) {
        out.push_back(value.value());
    }
    return out;
}

std::string to_text(std::vector<std::optional<Value>> const& values) {
    std::string out;
    for (auto const& value : values) {
        out += value ? std::get<std::string>(*value) + " " : "absent ";
    }
    return out;
}

std::set<std::string> texts(std::vector<Value> const& values) {
    std::set<std::string> out;
    for (Value const& value : values) {
        out.insert(std::get<std::string>(value));
    }
    return out;
}

std::string letters_of(Model const& model, Object const& object) {
    std::string out;
    for (Value const& value : model.list(object, "l")) {
        out += std::get<std::string>(value);
    }
    return out;
}

void check_object(Model const& model, NaiveModel const& naive, std::string const& id) {
    Object const* const object = model.find(id);
    RC_ASSERT((object != nullptr) == naive.alive(id));
    if (object == nullptr) {
        return;
    }
    RC_ASSERT((object->state == ObjectState::contested) == naive.contested(id));
    RC_ASSERT(to_text(shown(model, *object)) == to_text(naive.reg(id, "r")));
    RC_ASSERT(model.counter(*object, "c") == naive.counter(id, "c"));
    RC_ASSERT(texts(model.elements(*object, "s")) == naive.elements(id, "s"));
    RC_ASSERT(model.text(*object, "t") == naive.content(id, "t"));
    RC_ASSERT(letters_of(model, *object) == naive.content(id, "l"));
    RC_ASSERT(model.size(*object, "t", FieldKind::text) == naive.content(id, "t").size());
    RC_ASSERT(model.size(*object, "l", FieldKind::list) == naive.content(id, "l").size());
    auto const entries = model.entries(*object, "m");
    RC_ASSERT((std::map<std::string, Value>(entries.begin(), entries.end())) ==
              naive.entries(id, "m"));
}

/// What someone reads who only ever gets the effects.
class Reader {
  public:
    void read(Changes const& changes) {
        for (Change const& change : changes.changes) {
            if (change.kind == Change::Kind::insert) {
                read_.erase(change.object);
            }
            std::string& held = read_[change.object][change.field];
            for (TextEffect const& effect : change.text) {
                replace(held, effect.at, effect.removed, effect.inserted);
            }
            for (ListEffect const& effect : change.list) {
                replace(held, effect.at, letters(effect.removed), letters(effect.inserted));
            }
        }
    }
    std::string const& content(std::string const& object, std::string const& field) {
        return read_[object][field];
    }

  private:
    static std::string letters(std::vector<Value> const& values) {
        std::string out;
        for (Value const& value : values) {
            out += std::get<std::string>(value);
        }
        return out;
    }
    static void replace(std::string& held,
                        std::uint64_t at,
                        std::string const& removed,
                        std::string const& inserted) {
        RC_ASSERT(held.substr(at, removed.size()) == removed);
        held.replace(at, removed.size(), inserted);
    }

    std::map<std::string, std::map<std::string, std::string>> read_;
};

/// Seqs of the two sides of each conflict between writes of the register.
void add_pairs(Changes const& changes, std::set<Pair>& pairs) {
    for (Conflict const& conflict : changes.conflicts) {
        if (conflict.field == "r") {
            auto const [low, high] =
                std::minmax(conflict.winner.seq.value, conflict.loser.seq.value);
            pairs.insert({low, high});
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(model_against_naive)

RC_BOOST_PROP(the_engine_shows_what_explicit_pasts_show, ()) {
    auto const rules = random_rules();
    auto const history = random_history({rules});
    Model model;
    NaiveModel naive(rules);
    Reader reader;
    std::set<Pair> pairs;
    std::set<std::pair<std::uint64_t, std::string>> voids;
    RC_LOG() << to_string(rules.reg) << ' ' << to_string(rules.elements) << ' '
             << to_string(rules.deletion) << '\n'
             << to_text(history);
    for (PastEvent const& event : history) {
        auto const changes = apply(model, event.event, event.stamp);
        naive.apply(event);
        model.check_invariants();
        check_object(model, naive, "x");
        check_object(model, naive, "y");
        add_pairs(changes, pairs);
        reader.read(changes);
        for (std::string const id : {"x", "y"}) {
            for (std::string const field : {"t", "l"}) {
                RC_ASSERT(!naive.alive(id) ||
                          reader.content(id, field) == naive.content(id, field));
            }
        }
        for (VoidOps const& one : changes.voids) {
            if (!one.op) {
                voids.insert({one.seq.value, one.object});
            }
        }
        RC_ASSERT(pairs == naive.register_conflicts());
        RC_ASSERT(voids == naive.voids());
    }
}

RC_BOOST_PROP(models_that_collect_at_different_times_agree, ()) {
    auto const history = random_history({random_rules()});
    Model eager;
    Model never(Model::Collect::when_told);
    Model random(Model::Collect::when_told);
    for (PastEvent const& event : history) {
        auto const expected = apply(never, event.event, event.stamp);
        RC_ASSERT(apply(eager, event.event, event.stamp) == expected);
        RC_ASSERT(apply(random, event.event, event.stamp) == expected);
        if (*rc::gen::inRange(0, 3) == 0) {
            random.collect();
        }
        RC_ASSERT(eager.state_hash() == never.state_hash());
        RC_ASSERT(random.state_hash() == never.state_hash());
    }
    eager.collect();
    eager.check_invariants();
    random.check_invariants();
    RC_ASSERT(eager.due().empty() || eager.due().front().seq > eager.mark().value);
}

RC_BOOST_PROP(a_model_of_some_objects_agrees_on_them, ()) {
    auto const history = random_history({random_rules()});
    Model full;
    Model part;
    for (PastEvent const& event : history) {
        apply(full, event.event, event.stamp);
        Event some = event.event;
        std::erase_if(some.ops, [](Op const& op) { return op.object == "y"; });
        apply(part, some, event.stamp);
        full.state_hash();
        part.state_hash();
        Object const* const expected = full.find("x");
        Object const* const object = part.find("x");
        RC_ASSERT((object == nullptr) == (expected == nullptr));
        RC_ASSERT((object == nullptr || object->hash == expected->hash));
    }
}

/// Registers by causal order, sums, and sets: what they show depends on the set of events alone, so
/// any order of arrival that keeps happened-before ends in the same place.
RC_BOOST_PROP(any_linear_extension_of_happened_before_converges, ()) {
    auto history =
        random_history({{RegisterRule::causal, SetRule::add_wins}, false, false, true, 2});
    for (PastEvent& event : history) {
        std::erase_if(event.event.ops, [](Op const& op) {
            // What may void other operations promises no such thing; a key's value begins anew
            // with the key.
            return op.kind == OpKind::remove || op.field == "m";
        });
    }
    RC_LOG() << to_text(history);
    Model in_order;
    for (PastEvent const& event : history) {
        apply(in_order, event.event, event.stamp);
    }
    // The naive model takes them in another order; pasts are explicit, and each keeps its (a, seq).
    NaiveModel shuffled({RegisterRule::causal, SetRule::add_wins});
    std::vector<PastEvent const*> rest;
    for (PastEvent const& event : history) {
        rest.push_back(&event);
    }
    while (!rest.empty()) {
        std::vector<std::size_t> ready;
        for (std::size_t i = 0; i < rest.size(); ++i) {
            if (std::ranges::none_of(
                    rest, [&](PastEvent const* other) { return rest[i]->saw(*other); })) {
                ready.push_back(i);
            }
        }
        auto const next = static_cast<std::ptrdiff_t>(*rc::gen::elementOf(ready));
        shuffled.apply(*rest[static_cast<std::size_t>(next)]);
        rest.erase(rest.begin() + next);
    }
    check_object(in_order, shuffled, "x");
    check_object(in_order, shuffled, "y");
}

BOOST_AUTO_TEST_SUITE_END()

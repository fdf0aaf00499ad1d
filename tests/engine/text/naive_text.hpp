// The rules of text merging, slow and obvious: one item for each character that ever was, with all
// that ever happened to it, and nothing forgotten. Tests compare the engine to it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capstan::test {

struct NaiveEdit {
    std::uint64_t at = 0;
    std::uint64_t removed = 0;
    std::string inserted;  // one byte a character
};

/// An event as its readers get it. While it is pending, `seq` is above all seqs.
struct NaiveEvent {
    std::uint64_t seq = 0;
    std::uint64_t p = 0;
    std::uint32_t device = 0;
    std::vector<NaiveEdit> edits;
};

class NaiveText {
  public:
    /// False, and nothing changes, if an edit leaves its author's view.
    bool apply(NaiveEvent const& event) {
        if (!fits(event)) {
            return false;
        }
        for (auto const& edit : event.edits) {
            erase(event, edit);
            insert(event, edit);
        }
        return true;
    }

    std::string text() const {
        std::string text;
        for (auto const& item : items_) {
            text += item.deletes.empty() ? std::string(1, item.character) : "";
        }
        return text;
    }

    /// Whether all edits lie in their author's view, each with those before it applied.
    bool fits(NaiveEvent const& event) const {
        auto items = std::uint64_t{visible(event.p, event.device)};
        for (auto const& edit : event.edits) {
            if (edit.at > items || edit.removed > items - edit.at) {
                return false;
            }
            items = items - edit.removed + edit.inserted.size();
        }
        return true;
    }

    /// What a device sees that has applied the first `p` events and made its own.
    std::size_t visible(std::uint64_t p, std::uint32_t device) const {
        NaiveEvent const reader{0, p, device, {}};
        std::size_t items = 0;
        for (auto const& item : items_) {
            items += sees(reader, item) ? 1 : 0;
        }
        return items;
    }

  private:
    using Id = std::uint64_t;
    static constexpr Id kStart = 0;
    static constexpr Id kEnd = ~Id{0};

    struct Touch {
        std::uint64_t seq;
        std::uint32_t device;
    };
    struct Item {
        char character;
        Touch insert;
        Id id;
        Id left;
        Id right;
        std::vector<Touch> deletes;
    };

    static bool knows(NaiveEvent const& event, Touch const& touch) {
        return touch.seq <= event.p || touch.device == event.device;
    }
    static bool sees(NaiveEvent const& event, Item const& item) {
        if (!knows(event, item.insert)) {
            return false;
        }
        for (auto const& touch : item.deletes) {
            if (knows(event, touch)) {
                return false;
            }
        }
        return true;
    }

    void erase(NaiveEvent const& event, NaiveEdit const& edit) {
        std::uint64_t at = 0;
        for (auto& item : items_) {
            if (!sees(event, item)) {
                continue;
            }
            if (at >= edit.at && at < edit.at + edit.removed) {
                item.deletes.push_back({event.seq, event.device});
            }
            ++at;
        }
    }

    /// Index of an item; -1 for the start.
    std::ptrdiff_t index_of(Id id) const {
        if (id == kStart) {
            return -1;
        }
        std::size_t index = 0;
        while (index < items_.size() && items_[index].id != id) {
            ++index;
        }
        return static_cast<std::ptrdiff_t>(index);
    }

    void insert(NaiveEvent const& event, NaiveEdit const& edit) {
        std::ptrdiff_t left = -1;
        for (auto rest = edit.at; rest > 0;) {
            rest -= sees(event, items_[static_cast<std::size_t>(++left)]) ? 1 : 0;
        }
        auto const count = static_cast<std::ptrdiff_t>(items_.size());
        auto right = left + 1;
        while (right < count && !knows(event, item(right).insert)) {
            ++right;
        }
        auto left_id = left < 0 ? kStart : item(left).id;
        auto const right_id = right == count ? kEnd : item(right).id;
        auto place = place_between(left, right, event.seq);
        for (auto const character : edit.inserted) {
            Item const added{
                character, {event.seq, event.device}, ++id_last_, left_id, right_id, {}};
            items_.insert(items_.begin() + place++, added);
            left_id = id_last_;
        }
    }

    /// YATA with Fugue's look at right origins; siblings in the order of their stamps.
    std::ptrdiff_t place_between(std::ptrdiff_t left,
                                 std::ptrdiff_t right,
                                 std::uint64_t seq) const {
        auto place = left + 1;
        bool looking = false;
        for (auto i = left + 1;; ++i) {
            place = looking ? place : i;
            if (i == right) {
                return place;
            }
            auto const other_left = index_of(item(i).left);
            if (other_left < left) {
                return place;
            }
            if (other_left > left) {
                continue;
            }
            auto const other_right = index_of(item(i).right);
            looking = other_right < right;
            if (other_right == right && item(i).insert.seq > seq) {
                return place;
            }
        }
    }

    Item const& item(std::ptrdiff_t index) const { return items_[static_cast<std::size_t>(index)]; }

    std::vector<Item> items_;
    Id id_last_ = 0;
};

}  // namespace capstan::test

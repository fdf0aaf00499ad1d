#include <algorithm>
#include <array>
#include <capstan/schema/stream_position.hpp>
#include <charconv>
#include <chrono>
#include <utility>

namespace capstan {
namespace {

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
constexpr std::int64_t kMicrosPerHour = 60 * kMicrosPerMinute;
constexpr std::int64_t kMicrosPerDay = 24 * kMicrosPerHour;
/// Longer than any clock of ours runs; sums of ages and times stay far from overflow.
constexpr std::int64_t kAgeMicrosMax = 10'000 * 366 * kMicrosPerDay;

struct Unit {
    std::string_view name;
    std::int64_t micros;
};
constexpr std::array kUnits{
    Unit{"w", 7 * kMicrosPerDay},
    Unit{"d", kMicrosPerDay},
    Unit{"h", kMicrosPerHour},
    Unit{"m", kMicrosPerMinute},
    Unit{"s", kMicrosPerSecond},
    Unit{"ms", 1'000},
};

/// Takes a text apart from its front. After a failed step `ok` stays false.
class Scanner {
  public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    bool take(std::string_view literal) {
        if (!rest_.starts_with(literal)) {
            return false;
        }
        rest_.remove_prefix(literal.size());
        return true;
    }
    void expect(std::string_view literal) { ok_ = take(literal) && ok_; }

    /// Exactly `digits` digits, in [least, most].
    int number(std::size_t digits, int least, int most) {
        auto const text = take_digits(digits);
        int value = 0;
        for (char const c : text) {
            value = value * 10 + (c - '0');
        }
        ok_ = ok_ && text.size() == digits && value >= least && value <= most;
        return value;
    }
    std::string_view take_digits(std::size_t digits_max) {
        std::size_t n = 0;
        while (n < digits_max && n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9') {
            ++n;
        }
        return std::exchange(rest_, rest_.substr(n)).substr(0, n);
    }
    std::string_view take_letters() {
        std::size_t n = 0;
        while (n < rest_.size() && rest_[n] >= 'a' && rest_[n] <= 'z') {
            ++n;
        }
        return std::exchange(rest_, rest_.substr(n)).substr(0, n);
    }
    bool empty() const { return rest_.empty(); }
    bool ok() const { return ok_; }

  private:
    std::string_view rest_;
    bool ok_ = true;
};

std::optional<std::uint64_t> whole_number(std::string_view digits) {
    std::uint64_t value = 0;
    auto const* const end = digits.data() + digits.size();
    auto const [stopped, error] = std::from_chars(digits.data(), end, value);
    if (digits.empty() || error != std::errc{} || stopped != end) {
        return std::nullopt;
    }
    return value;
}

std::int64_t fraction_micros(Scanner& in) {
    auto const digits = in.take_digits(9);
    std::int64_t micros = 0;
    for (std::size_t i = 0; i < 6; ++i) {
        micros = micros * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    }
    if (digits.empty()) {
        in.expect("digits");
    }
    return micros;
}

/// How much the zone is ahead of UTC.
std::int64_t zone_micros(Scanner& in) {
    if (in.take("Z")) {
        return 0;
    }
    bool const behind = in.take("-");
    if (!behind) {
        in.expect("+");
    }
    std::int64_t const hours = in.number(2, 0, 23);
    in.expect(":");
    std::int64_t const offset = hours * kMicrosPerHour + in.number(2, 0, 59) * kMicrosPerMinute;
    return behind ? -offset : offset;
}

std::int64_t date_micros(Scanner& in) {
    namespace ch = std::chrono;
    int const year = in.number(4, 1, 9999);
    in.expect("-");
    int const month = in.number(2, 1, 12);
    in.expect("-");
    int const day = in.number(2, 1, 31);
    ch::year_month_day const date{ch::year(year),
                                  ch::month(static_cast<unsigned>(month)),
                                  ch::day(static_cast<unsigned>(day))};
    if (!in.ok() || !date.ok()) {
        in.expect("a day that exists");
        return 0;
    }
    return ch::sys_days(date).time_since_epoch().count() * kMicrosPerDay;
}

std::int64_t time_of_day_micros(Scanner& in) {
    std::int64_t micros = in.number(2, 0, 23) * kMicrosPerHour;
    in.expect(":");
    micros += in.number(2, 0, 59) * kMicrosPerMinute;
    if (in.take(":")) {
        micros += in.number(2, 0, 60) * kMicrosPerSecond;  // 60: a leap second
        micros += in.take(".") ? fraction_micros(in) : 0;
    }
    return micros - zone_micros(in);
}

Error bad_position(std::string_view text) {
    return Error{Errc::position_invalid, std::string(text.substr(0, 80))};
}

std::string padded(std::uint64_t value, std::size_t digits) {
    auto text = std::to_string(value);
    return text.size() < digits ? std::string(digits - text.size(), '0') + text : text;
}

std::string age_text(std::int64_t micros) {
    std::string out;
    for (auto const& unit : kUnits) {
        if (auto const n = micros / unit.micros; n > 0) {
            out += std::to_string(n) + std::string(unit.name);
            micros %= unit.micros;
        }
    }
    return out.empty() ? "0s" : out;
}

Result<StreamPosition> parse_at(std::string_view text, std::string_view whole) {
    using Kind = StreamPosition::Kind;
    if (text.starts_with('-')) {
        auto const age = parse_duration(text.substr(1));
        if (!age) {
            return bad_position(whole);
        }
        return StreamPosition{.kind = Kind::age, .micros = age.value()};
    }
    auto const time = parse_time(text);
    if (!time) {
        return bad_position(whole);
    }
    return StreamPosition{.kind = Kind::time, .micros = time.value().micros};
}

}  // namespace

Result<WallTime> parse_time(std::string_view text) {
    Scanner in(text);
    std::int64_t micros = date_micros(in);
    if (in.ok() && !in.empty()) {
        in.expect("T");
        micros += time_of_day_micros(in);
    }
    if (!in.ok() || !in.empty()) {
        return Error{Errc::request_invalid, "not a time: " + std::string(text.substr(0, 80))};
    }
    return WallTime{micros};
}

Result<std::int64_t> parse_duration(std::string_view text) {
    Scanner in(text);
    std::int64_t sum = 0;
    std::size_t next_unit = 0;
    bool ok = !text.empty();
    while (ok && !in.empty()) {
        auto const number = whole_number(in.take_digits(15));
        auto const name = in.take_letters();
        while (next_unit < kUnits.size() && kUnits[next_unit].name != name) {
            ++next_unit;
        }
        ok =
            number && next_unit < kUnits.size() &&
            *number <= static_cast<std::uint64_t>((kAgeMicrosMax - sum) / kUnits[next_unit].micros);
        if (ok) {
            sum += static_cast<std::int64_t>(*number) * kUnits[next_unit++].micros;
        }
    }
    if (!ok) {
        return Error{Errc::request_invalid,
                     "not a duration such as 1h30m or 500ms: " + std::string(text.substr(0, 80))};
    }
    return sum;
}

Result<StreamPosition> StreamPosition::parse(std::string_view text) {
    constexpr std::array words{std::pair{std::string_view("first"), Kind::first},
                               std::pair{std::string_view("last"), Kind::last},
                               std::pair{std::string_view("tail"), Kind::tail},
                               std::pair{std::string_view("snapshot"), Kind::snapshot}};
    for (auto const& [word, kind] : words) {
        if (text == word) {
            return StreamPosition{.kind = kind};
        }
    }
    if (text.starts_with('@')) {
        return parse_at(text.substr(1), text);
    }
    bool const back = text.starts_with('-');
    auto const number = whole_number(text.substr(back ? 1 : 0));
    if (!number || *number == 0 || *number > kSeqMax.value) {
        return bad_position(text);
    }
    return back ? StreamPosition{.kind = Kind::back, .count = *number}
                : StreamPosition{.kind = Kind::seq, .seq = Seq{*number}};
}

std::optional<Seq> StreamPosition::resolve(Seq tape_first, Seq head) const {
    switch (kind) {
        case Kind::first:
            return tape_first;
        case Kind::last:
            return std::max(head, Seq{1});
        case Kind::tail:
            return head.next();
        case Kind::seq:
            return seq;
        case Kind::back:
            return count > head.value ? tape_first
                                      : std::max(tape_first, Seq{head.value - count + 1});
        case Kind::snapshot:
        case Kind::time:
        case Kind::age:
            break;
    }
    return std::nullopt;
}

std::string to_string(StreamPosition const& position) {
    switch (position.kind) {
        case StreamPosition::Kind::first:
            return "first";
        case StreamPosition::Kind::last:
            return "last";
        case StreamPosition::Kind::tail:
            return "tail";
        case StreamPosition::Kind::snapshot:
            return "snapshot";
        case StreamPosition::Kind::seq:
            return std::to_string(position.seq.value);
        case StreamPosition::Kind::back:
            return "-" + std::to_string(position.count);
        case StreamPosition::Kind::time:
            return "@" + to_string(WallTime{position.micros});
        case StreamPosition::Kind::age:
            return "@-" + age_text(position.micros);
    }
    return {};
}

std::string to_string(WallTime time) {
    namespace ch = std::chrono;
    auto const point = ch::sys_time<ch::microseconds>(ch::microseconds(time.micros));
    auto const day = ch::floor<ch::days>(point);
    ch::year_month_day const date(day);
    ch::hh_mm_ss const clock(point - day);
    auto const part = [](auto count) { return static_cast<std::uint64_t>(count); };
    std::string out = padded(part(static_cast<int>(date.year())), 4) + "-" +
                      padded(static_cast<unsigned>(date.month()), 2) + "-" +
                      padded(static_cast<unsigned>(date.day()), 2) + "T" +
                      padded(part(clock.hours().count()), 2) + ":" +
                      padded(part(clock.minutes().count()), 2) + ":" +
                      padded(part(clock.seconds().count()), 2);
    if (auto const micros = clock.subseconds().count(); micros != 0) {
        out += "." + padded(part(micros), 6);
        out.erase(out.find_last_not_of('0') + 1);
    }
    return out + "Z";
}

}  // namespace capstan

#pragma once
#include <capstan/cli/surroundings.hpp>
#include <capstan/schema/error.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// How commands show what they have: data on stdout in one of five formats, all else on stderr.
namespace capstan::cli {

enum class Format : std::uint8_t {
    table,   // columns that fit the terminal; tab-separated below a header elsewhere
    plain,   // tab-separated values alone
    json,    // one value: an array for lists, an object for single things
    ndjson,  // one object a line
    raw,     // what it is about, and nothing else: bodies as they were given
};

struct OutputStyle {
    Format format = Format::plain;
    bool terminal = false;    // stdout is one
    std::size_t columns = 0;  // of the terminal
    bool color = false;       // on stdout
    bool error_color = false;
    bool quiet = false;
};

/// JSON that is written as it stands.
struct JsonText {
    std::string text;
    friend bool operator==(JsonText const&, JsonText const&) = default;
};

/// A value of a row. Nothing shows as `-` in a table, as empty in plain text, as null in JSON.
using Cell =
    std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, JsonText>;

struct Column {
    std::string key;       // JSON key; the title in upper case
    bool right = false;    // numbers
    bool shrinks = false;  // gives way first when the terminal is narrow
};

/// The two streams of a command with their style. Lifetime: the sinks outlive it.
class Output {
  public:
    Output(TextSink& out, TextSink& err, OutputStyle const& style)
        : out_(out), err_(err), style_(style) {}

    OutputStyle const& style() const { return style_; }
    bool is_json() const {
        return style_.format == Format::json || style_.format == Format::ndjson;
    }

    /// On stdout, as it is.
    void write(std::string_view text) { out_.write(text); }
    void flush() { out_.flush(); }
    /// False once nobody reads stdout any more.
    bool ok() const { return out_.ok(); }
    /// Then: what is wrong with stdout; empty if nobody reads it any more.
    std::string trouble() const { return out_.trouble(); }

    /// A line on stderr, unless -q: the new state, the next useful command.
    void note(std::string_view text);
    void error(Error const& error);

  private:
    TextSink& out_;
    TextSink& err_;
    OutputStyle style_;
};

/// A list, row by row. A table's widths come from its first rows: all that are added before
/// `flush`.
class Rows {
  public:
    Rows(Output& output, std::vector<Column> columns);
    /// Precondition: as many cells as columns.
    void add(std::vector<Cell> cells);
    /// With a JSON object of its own, and with what `raw` shows of it.
    void add(std::vector<Cell> cells, JsonText json, std::string_view raw);
    /// What was added is shown, for lists that go on later.
    void flush();
    /// Ends the list; an empty one is `[]` in JSON and nothing else.
    void end();

  private:
    void add_json(std::string_view json);
    void add_plain(std::vector<Cell> const& cells);
    void add_table(std::vector<Cell> const& cells);
    void lay_out();
    void put_table_line(std::vector<std::string> const& texts);

    Output& output_;
    std::vector<Column> columns_;
    std::vector<std::size_t> widths_;                // of a table, once laid out
    std::vector<std::vector<std::string>> waiting_;  // rows of a table before that
    bool any_ = false;
    bool header_written_ = false;
};

/// One thing: `key  value` lines, or one JSON object.
void show(Output& output, std::vector<Column> const& columns, std::vector<Cell> const& cells);

std::string json_object(std::vector<Column> const& columns, std::vector<Cell> const& cells);
std::string json_string(std::string_view text);  // what is not UTF-8 becomes U+FFFD

/// Text that a terminal shows and does not act on: control characters become \n, \t, \x1b, …,
/// and \u{202e} for those that reverse the line.
std::string printable(std::string_view text);
/// How many columns a printable text takes.
std::size_t text_width(std::string_view text);
/// At most `width` columns; what is cut ends in `…`.
std::string fitted(std::string_view text, std::size_t width);

}  // namespace capstan::cli

#include <algorithm>
#include <capstan/cli/output.hpp>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

namespace capstan::cli {
namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kNormal = "\x1b[0m";
constexpr std::string_view kGap = "  ";
/// Columns do not give way below this width.
constexpr std::size_t kWidthMin = 8;
/// A table is laid out by so many rows at most; longer values further down are cut or stand out.
constexpr std::size_t kLayoutRowsMax = 1'000;

std::string dump(nlohmann::json const& value) {
    return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

struct ToJson {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(std::string const& text) const { return json_string(text); }
    std::string operator()(JsonText const& json) const { return json.text; }
    template <class Number>
    std::string operator()(Number value) const {
        return dump(value);
    }
};

struct ToText {
    std::string operator()(std::monostate) const { return {}; }
    std::string operator()(bool value) const { return value ? "yes" : "no"; }
    std::string operator()(double value) const { return dump(value); }
    std::string operator()(std::string const& text) const { return text; }
    std::string operator()(JsonText const& json) const { return json.text; }
    template <class Number>
    std::string operator()(Number value) const {
        return std::to_string(value);
    }
};

std::string text_of(Cell const& cell) {
    return std::visit(ToText{}, cell);
}

std::string table_text_of(Cell const& cell) {
    return std::holds_alternative<std::monostate>(cell) ? "-" : printable(text_of(cell));
}

std::string title_of(Column const& column) {
    std::string title = column.key;
    std::ranges::transform(title, title.begin(), [](char c) {
        return c == '_' ? ' ' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return title;
}

std::string separated(std::vector<std::string> const& texts) {
    std::string line;
    for (auto const& text : texts) {
        line += (&text == &texts.front() ? "" : "\t") + text;
    }
    return line + "\n";
}

/// Narrows the widest of the columns that may give way until the line fits.
void narrow(std::vector<std::size_t>& widths,
            std::vector<Column> const& columns,
            std::size_t line_width) {
    auto total = std::accumulate(widths.begin(), widths.end(), kGap.size() * (widths.size() - 1));
    while (total > line_width) {
        std::size_t* widest = nullptr;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            bool const may = columns[i].shrinks && widths[i] > kWidthMin;
            if (may && (widest == nullptr || widths[i] > *widest)) {
                widest = &widths[i];
            }
        }
        if (widest == nullptr) {
            return;
        }
        --*widest;
        --total;
    }
}

}  // namespace

std::string json_string(std::string_view text) {
    return dump(std::string(text));
}

std::string json_object(std::vector<Column> const& columns, std::vector<Cell> const& cells) {
    std::string out = "{";
    for (std::size_t i = 0; i < columns.size(); ++i) {
        out += (i == 0 ? "" : ",") + json_string(columns[i].key) + ":" +
               std::visit(ToJson{}, cells[i]);
    }
    return out + "}";
}

void Output::note(std::string_view text) {
    if (!style_.quiet) {
        out_.flush();
        err_.write(text);
        err_.write("\n");
        err_.flush();
    }
}

void Output::error(Error const& error) {
    out_.flush();
    err_.write(style_.error_color ? kRed : "");
    err_.write("error");
    err_.write(style_.error_color ? kNormal : "");
    err_.write(" " + printable(to_string(error)) + "\n");
    err_.flush();
}

Rows::Rows(Output& output, std::vector<Column> columns)
    : output_(output), columns_(std::move(columns)) {}

void Rows::add(std::vector<Cell> cells) {
    if (output_.is_json()) {
        add_json(json_object(columns_, cells));
    } else if (output_.style().format == Format::table) {
        add_table(cells);
    } else {
        add_plain(cells);
    }
}

void Rows::add(std::vector<Cell> cells, JsonText json, std::string_view raw) {
    if (output_.is_json()) {
        add_json(json.text);
    } else if (output_.style().format == Format::raw) {
        output_.write(raw);
        output_.write("\n");
    } else {
        add(std::move(cells));
    }
}

void Rows::add_json(std::string_view json) {
    if (output_.style().format == Format::json) {
        output_.write(any_ ? ",\n" : "[\n");
    }
    any_ = true;
    output_.write(json);
    if (output_.style().format == Format::ndjson) {
        output_.write("\n");
    }
}

void Rows::add_plain(std::vector<Cell> const& cells) {
    bool const raw = output_.style().format == Format::raw;
    std::vector<std::string> texts;
    for (auto const& cell : cells) {
        texts.push_back(raw ? text_of(cell) : printable(text_of(cell)));
    }
    output_.write(separated(texts));
}

void Rows::add_table(std::vector<Cell> const& cells) {
    std::vector<std::string> texts;
    for (auto const& cell : cells) {
        texts.push_back(table_text_of(cell));
    }
    if (header_written_) {
        put_table_line(texts);
        return;
    }
    waiting_.push_back(std::move(texts));
    if (waiting_.size() == kLayoutRowsMax) {
        lay_out();
    }
}

void Rows::lay_out() {
    std::vector<std::string> titles;
    for (auto const& column : columns_) {
        titles.push_back(title_of(column));
        widths_.push_back(text_width(titles.back()));
    }
    for (auto const& texts : waiting_) {
        for (std::size_t i = 0; i < texts.size(); ++i) {
            widths_[i] = std::max(widths_[i], text_width(texts[i]));
        }
    }
    auto const& style = output_.style();
    if (style.terminal) {
        narrow(widths_, columns_, style.columns);
    }
    output_.write(style.color ? kBold : "");
    put_table_line(titles);
    output_.write(style.color ? kNormal : "");
    header_written_ = true;
    for (auto const& texts : std::exchange(waiting_, {})) {
        put_table_line(texts);
    }
}

void Rows::put_table_line(std::vector<std::string> const& texts) {
    if (!output_.style().terminal) {
        output_.write(separated(texts));
        return;
    }
    std::string line;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        auto const text = columns_[i].shrinks ? fitted(texts[i], widths_[i]) : texts[i];
        auto const width = text_width(text);
        std::string const fill(width < widths_[i] ? widths_[i] - width : 0, ' ');
        line += i == 0 ? "" : kGap;
        line += columns_[i].right ? fill + text : text + fill;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    output_.write(line + "\n");
}

void Rows::flush() {
    if (!waiting_.empty()) {
        lay_out();
    }
    output_.flush();
}

void Rows::end() {
    if (output_.style().format == Format::json) {
        output_.write(any_ ? "\n]\n" : "[]\n");
    }
    flush();
}

void show(Output& output, std::vector<Column> const& columns, std::vector<Cell> const& cells) {
    if (output.is_json()) {
        output.write(json_object(columns, cells) + "\n");
        output.flush();
        return;
    }
    std::size_t width = 0;
    for (auto const& column : columns) {
        width = std::max(width, column.key.size());
    }
    bool const aligned = output.style().format == Format::table && output.style().terminal;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        auto const& key = columns[i].key;
        bool const raw = output.style().format == Format::raw;
        auto const text = raw       ? text_of(cells[i])
                          : aligned ? table_text_of(cells[i])
                                    : printable(text_of(cells[i]));
        output.write(aligned ? key + std::string(width - key.size(), ' ') + std::string(kGap)
                             : key + "\t");
        output.write(text + "\n");
    }
    output.flush();
}

}  // namespace capstan::cli

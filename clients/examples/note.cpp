// A note that two people write at the same time. One of them is on a train: both go on typing, and
// afterwards both have what both wrote, each thing where its author put it. An editor follows by
// splices, so nothing in it jumps; and who takes something back takes back what they wrote, not
// what the other one did.
#include <filesystem>

#include "example.hpp"

using namespace example;

namespace {

constexpr char kNotes[] = "demo/notes";
constexpr char kStore[] = "note.capstan";
constexpr char kNote[] = "shopping";
constexpr char kText[] = "text";

/// A window on a desk: it knows of the note what it is told.
class Editor {
  public:
    void apply(capstan::Change const& change) {
        // Places are code points; this note has one byte for each.
        for (auto const& [at, removed, inserted] : change.text) {
            text_.replace(at, removed.size(), inserted);
            if (at <= cursor_) {
                cursor_ += inserted.size() - std::min(removed.size(), cursor_ - at);
            }
        }
    }
    void click_behind(std::string const& words) { cursor_ = text_.find(words) + words.size(); }
    std::string const& text() const { return text_; }
    std::string before_cursor() const { return text_.substr(0, cursor_); }

  private:
    std::string text_;
    std::size_t cursor_ = 0;
};

/// Types behind some words of the note, as its author sees it.
capstan::ModelStream::Say type_behind(std::string words, std::string what) {
    return [=](capstan::MutationBuilder& m) {
        auto const at = m.view().text(kNote, kText).find(words) + words.size();
        m.edit_text(kNote, kText, at, 0, what);
    };
}

/// What was taken back, or made again: there is something.
capstan::UndoneWrite take(capstan::Result<std::optional<capstan::UndoneWrite>>&& step) {
    auto undone = must(std::move(step));
    if (!undone) {
        give_up("there is nothing to take back");
    }
    return *std::move(undone);
}

/// What a program does that knows whole texts alone: only what differs is sent.
void replace(capstan::ModelStream& model, std::string const& words, std::string const& by) {
    auto note = model.get(kNote)->value;
    auto& text = std::get<capstan::coalesce::TextField>(note.fields.at(kText)).text;
    text.replace(text.find(words), words.size(), by);
    must(model.assign(kNote, note));
}

}  // namespace

int main(int argc, char** argv) {
    auto const server = Server::from(argc, argv);
    auto const runtime = capstan::Runtime::start();
    std::filesystem::remove_all(kStore);

    Device anna(server, runtime, kNotes);
    anna.model.keep_undo();
    Editor editor;  // used on the runtime's thread until the end
    anna.model.observe([&editor](capstan::Change const& change) { editor.apply(change); });
    auto const begun = say(anna.model, [](auto& m) {
        m.insert("Note", kNote);
        m.edit_text(kNote, kText, 0, 0, "To buy\n- milk\n- bread\n");
    });
    {
        Device bob(server, runtime, kNotes, kStore);
        must(bob.model.wait_for(begun, kPatience));
    }
    {
        Device bob(Server::unreachable(), runtime, kNotes, kStore);
        must(bob.model.mutate(type_behind("- bread", " and butter")));
        replace(bob.model, "milk", "oat milk");
        std::cout << "bob, on the train:\n" << bob.model.get(kNote)->text(kText);
    }
    say(anna.model, type_behind("To buy", " on friday"));
    say(anna.model, type_behind("- bread\n", "- tea\n"));
    editor.click_behind("- tea");

    Device bob(server, runtime, kNotes, kStore);
    settle(anna.model, bob.model);
    anna.model.status();  // what came before is told
    std::cout << "both:\n" << bob.model.get(kNote)->text(kText);
    bool const same = editor.text() == bob.model.get(kNote)->text(kText);
    std::cout << "anna's editor shows " << (same ? "the same" : editor.text())
              << ", its cursor still behind \""
              << editor.before_cursor().substr(editor.before_cursor().size() - 5) << "\"\n";

    must(take(anna.model.undo()).write.confirmed.get());  // the tea
    must(take(anna.model.undo()).write.confirmed.get());  // the day
    settle(anna.model, bob.model);
    std::cout << "anna takes back what she wrote:\n" << bob.model.get(kNote)->text(kText);
    must(take(anna.model.redo()).write.confirmed.get());
    settle(anna.model, bob.model);
    std::cout << "and the day again:\n" << bob.model.get(kNote)->text(kText);
}

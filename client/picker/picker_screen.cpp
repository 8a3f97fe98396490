#include "client/picker/picker_screen.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <clocale>
#include <cstdlib>
#include <cwchar>
#include <cwctype>

// ncurses declares its wide-character functions only when asked to, and its macros are everyday words.
#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <curses.h>

#include "client/picker/terminal_type.hpp"

namespace capsule {
namespace {

constexpr int escape_delay_ms = 50;  ///< a lone Escape is told from an arrow key's sequence by that pause

/// ncurses catches these signals for as long as the program lives; here they are given back.
class SignalsKept {
  public:
    SignalsKept() {
        for (std::size_t i = 0; i < signals.size(); ++i)
            ::sigaction(signals[i], nullptr, &before_[i]);
    }
    ~SignalsKept() {
        for (std::size_t i = 0; i < signals.size(); ++i)
            ::sigaction(signals[i], &before_[i], nullptr);
    }
    SignalsKept(const SignalsKept&) = delete;
    SignalsKept& operator=(const SignalsKept&) = delete;

  private:
    static constexpr std::array signals{SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
    std::array<struct sigaction, signals.size()> before_{};
};

class Screen {
  public:
    Screen() {
        // Labels are UTF-8 whatever the environment says.
        if (std::setlocale(LC_CTYPE, "C.UTF-8") == nullptr) std::setlocale(LC_CTYPE, "");
        // The terminal says how large it is. These may be another user's word, for which memory is taken. (Without
        // use_env() no change of the size would be followed.)
        ::unsetenv("LINES");
        ::unsetenv("COLUMNS");
        screen_ = ::newterm(nullptr, stdout, stdin);
        if (screen_ == nullptr) return;
        ::set_escdelay(escape_delay_ms);
        ::raw();  // Ctrl-C comes as a key, so that the terminal is restored
        ::noecho();
        ::keypad(stdscr, TRUE);
        ::curs_set(0);
        if (std::getenv("NO_COLOR") == nullptr && ::has_colors()) {
            ::start_color();
            ::use_default_colors();
            ::init_pair(green, COLOR_GREEN, -1);
            ::init_pair(red, COLOR_RED, -1);
            ::init_pair(yellow, COLOR_YELLOW, -1);
            colour_ = true;
        }
    }
    ~Screen() {
        if (screen_ == nullptr) return;
        ::endwin();
        ::delscreen(screen_);
    }
    Screen(const Screen&) = delete;
    Screen& operator=(const Screen&) = delete;

    bool is_open() const noexcept { return screen_ != nullptr; }
    static std::size_t height() { return static_cast<std::size_t>(::getmaxy(stdscr)); }

    void show(const PickerList& list) const {
        ::werase(stdscr);
        const auto shown = list.lines(height(), static_cast<std::size_t>(::getmaxx(stdscr)));
        for (std::size_t row = 0; row < shown.size(); ++row) {
            ::wmove(stdscr, static_cast<int>(row), 0);
            for (const Cell& cell : shown[row].cells) {
                ::wattrset(stdscr, static_cast<int>(look(cell.tone) | (shown[row].selected ? A_REVERSE : A_NORMAL)));
                ::waddstr(stdscr, (utf8_ ? cell.text : in_ascii(cell.text)).c_str());
            }
        }
        ::wattrset(stdscr, A_NORMAL);
        ::wrefresh(stdscr);
    }

  private:
    enum Pair : short { green = 1, red, yellow };

    attr_t look(Tone tone) const {
        switch (tone) {
            case Tone::strong:
                return A_BOLD;
            case Tone::dim:
                return A_DIM;
            case Tone::good:
                return colour(green);
            case Tone::bad:
                return colour(red);
            case Tone::warning:
                return colour(yellow);
            case Tone::plain:
                break;
        }
        return A_NORMAL;
    }
    attr_t colour(Pair pair) const { return colour_ ? static_cast<attr_t>(COLOR_PAIR(pair)) : A_NORMAL; }

    SignalsKept signals_;  // first, so that they are given back last
    SCREEN* screen_ = nullptr;
    bool colour_ = false;
    const bool utf8_ = shows_utf8(process_environment);
};

enum class Done { no, picked, went_back, cancelled };

constexpr wint_t control(char letter) {
    return static_cast<wint_t>(letter & 0x1F);
}

Done press_character(PickerList& list, wint_t character) {
    switch (character) {
        case control('['):  // Escape
        case control('C'):
        case control('D'):
        case control('\\'):
            return Done::cancelled;
        case control('M'):
        case control('J'):
            return list.selected() ? Done::picked : Done::no;
        case control('H'):
        case 0x7F:
            list.erase();
            return Done::no;
        case control('U'):
            list.clear();
            return Done::no;
        case control('N'):
        case control('I'):
            list.move(1);
            return Done::no;
        case control('P'):
            list.move(-1);
            return Done::no;
        case control('L'):
            ::clearok(curscr, TRUE);
            return Done::no;
        default:
            break;
    }
    std::array<char, MB_LEN_MAX> bytes{};
    std::mbstate_t state{};
    const std::size_t size = std::wcrtomb(bytes.data(), static_cast<wchar_t>(character), &state);
    if (std::iswprint(character) != 0 && size != static_cast<std::size_t>(-1)) list.type({bytes.data(), size});
    return Done::no;
}

Done press_key(PickerList& list, wint_t key) {
    const long page = static_cast<long>(list.page_size(Screen::height()));
    constexpr long all_the_way = 1'000'000;
    switch (key) {
        case KEY_UP:
        case KEY_BTAB:
            list.move(-1);
            break;
        case KEY_DOWN:
            list.move(1);
            break;
        case KEY_PPAGE:
            list.move(-page);
            break;
        case KEY_NPAGE:
            list.move(page);
            break;
        case KEY_HOME:
            list.move(-all_the_way);
            break;
        case KEY_END:
            list.move(all_the_way);
            break;
        case KEY_BACKSPACE:
            list.erase();
            break;
        case KEY_LEFT:
            return list.has_page_before() ? Done::went_back : Done::no;
        case KEY_ENTER:
            return list.selected() ? Done::picked : Done::no;
        default:  // KEY_RESIZE among them: the next show() has the new size
            break;
    }
    return Done::no;
}

Done press(PickerList& list) {
    wint_t key = 0;
    errno = 0;
    const int kind = ::wget_wch(stdscr, &key);
    if (kind == OK) return press_character(list, key);
    if (kind == KEY_CODE_YES) return press_key(list, key);
    return errno == EINTR ? Done::no : Done::cancelled;  // the input has ended
}

}  // namespace

bool can_ask() {
    return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
}

Picked pick(const PickerPage& page) {
    const char* type = std::getenv("TERM");
    const Error unsuitable{ErrorCode::io_error,
                           type == nullptr ? std::string("TERM is not set, so there is no list to choose from")
                                           : "the terminal type " + printable(type) +
                                                 " (TERM) is not known or cannot show a list to choose from",
                           ""};
    leave_out_types_of_others();
    if (!can_place_cursor()) return unsuitable;
    PickerList list(page);
    const Screen screen;
    if (!screen.is_open()) return unsuitable;
    Done done = Done::no;
    while (done == Done::no) {
        screen.show(list);
        done = press(list);
    }
    if (done == Done::picked) return *list.selected();
    if (done == Done::went_back) return WentBack{};
    ::flushinp();  // what was typed for the picker is not for the shell
    return Cancelled{};
}

}  // namespace capsule

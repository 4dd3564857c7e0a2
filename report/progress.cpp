#include "report/progress.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace charter::report {
namespace {

constexpr int kBarWidth = 20;
constexpr int kShortBarWidth = 10;

std::string ascii_bar(double share, int width) {
  const auto full = static_cast<std::size_t>(std::floor(share * width));
  return "[" + std::string(full, '#') + std::string(static_cast<std::size_t>(width) - full, '.') +
         "]";
}

// Eighths of a block, so that a slow stage is seen to move.
std::string block_bar(double share, int width) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::floor(share * width * 8));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kEighths[eighths % 8];
  const int used = eighths / 8 + (eighths % 8 != 0 ? 1 : 0);
  for (int i = used; i < width; ++i) bar += "░";
  return bar;
}

std::string cut(const std::string& text, int columns) {
  std::string result;
  int used = 0;
  for (const char c : text) {
    const bool starts = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (starts && ++used > columns) break;
    result += c;
  }
  return result;
}

// The stage's name in a column of its own, so that the lines of all stages align.
std::string padded(const std::string& text, int columns) {
  const int missing = columns - display_width(text);
  return missing > 0 ? text + std::string(static_cast<std::size_t>(missing), ' ') : text;
}

double share_of(const ProgressLine& line) {
  return std::clamp(static_cast<double>(line.done) / static_cast<double>(line.total), 0.0, 1.0);
}

// Percent rounds down: 100 % is said only when all is done.
std::string position(const ProgressLine& line) {
  if (line.total <= 0) return std::to_string(line.done);
  char percent[16];
  std::snprintf(percent, sizeof(percent), "%3d %%",
                static_cast<int>(std::floor(100 * share_of(line) + 1e-9)));
  return std::string(percent) + "  " + std::to_string(line.done) + "/" + std::to_string(line.total);
}

std::string time_text(const ProgressLine& line) {
  const bool complete = line.total > 0 && line.done >= line.total;
  if (complete || !line.eta_seconds) return format_clock(line.elapsed_seconds);
  return format_clock(line.elapsed_seconds) + ", " + format_clock(*line.eta_seconds) + " left";
}

}  // namespace

std::optional<double> estimate_eta(int64_t done, int64_t total, double elapsed_seconds) {
  if (done <= 0 || total < done) return std::nullopt;
  return elapsed_seconds * static_cast<double>(total - done) / static_cast<double>(done);
}

std::string format_clock(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::clamp(seconds, 0.0, 3.6e9)));
  const int64_t hours = whole / 3600;
  char text[32];
  if (hours > 0) {
    std::snprintf(text, sizeof(text), "%d:%02d:%02d", static_cast<int>(hours),
                  static_cast<int>(whole / 60 % 60), static_cast<int>(whole % 60));
  } else {
    std::snprintf(text, sizeof(text), "%d:%02d", static_cast<int>(whole / 60),
                  static_cast<int>(whole % 60));
  }
  return text;
}

int display_width(const std::string& text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string format_progress(const ProgressLine& line, int width, bool utf8) {
  // Parts are added in order of importance while they fit, and shown in reading order.
  const std::string name = padded(line.stage, 12);
  const std::string where = position(line);
  int left = width - display_width(name) - 2 - display_width(where);
  if (left < 0) return cut(line.stage + " " + where, std::max(width, 0));
  std::string time = "  " + time_text(line), bar, numbers;
  if (display_width(time) > left) time = "  " + format_clock(line.elapsed_seconds);
  if (display_width(time) > left) return name + "  " + where;
  left -= display_width(time);
  if (line.total > 0) {
    const int frame = utf8 ? 2 : 4;  // two spaces, and the brackets
    int wanted = 0;
    for (const auto& [key, value] : line.numbers) wanted += display_width(key + value) + 3;
    // Two lengths only: a bar that shrank with each digit of a number would jitter.
    const int cells = left - frame - wanted >= kBarWidth ? kBarWidth : kShortBarWidth;
    if (cells + frame <= left) {
      bar = (utf8 ? block_bar(share_of(line), cells) : ascii_bar(share_of(line), cells)) + "  ";
      left -= cells + frame;
    }
  }
  for (const auto& [key, value] : line.numbers) {
    const std::string part = "  " + key + " " + value;
    if (display_width(part) > left) break;
    numbers += part;
    left -= display_width(part);
  }
  return name + "  " + bar + where + time + numbers;
}

bool is_utf8_locale(const char* lc_all, const char* lc_ctype, const char* lang) {
  for (const char* value : {lc_all, lc_ctype, lang}) {
    if (value == nullptr || *value == '\0') continue;
    std::string name(value);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name.find("utf-8") != std::string::npos || name.find("utf8") != std::string::npos;
  }
  return false;
}

void ProgressPrinter::update(const ProgressLine& line, TimePoint now) {
  const auto interval = options_.terminal ? options_.redraw_interval : options_.plain_interval;
  if (line.stage == stage_ && now - last_show_ < interval) return;
  show(line, now);
}

void ProgressPrinter::finish(const ProgressLine& line, TimePoint now) {
  show(line, now);
  end_line();
  stage_.clear();
  out_.flush();
}

void ProgressPrinter::message(const std::string& text) {
  const std::string line = drawn_;
  if (!line.empty()) out_ << "\r\x1b[K";
  out_ << text << '\n' << line;
  out_.flush();
}

void ProgressPrinter::show(const ProgressLine& line, TimePoint now) {
  if (line.stage != stage_) end_line();
  stage_ = line.stage;
  last_show_ = now;
  // A terminal wraps when its last column is written, and a wrapped line cannot be redrawn.
  const int columns = options_.terminal ? options_.width - 1 : options_.width;
  const std::string text = format_progress(line, columns, options_.utf8);
  if (options_.terminal) {
    out_ << '\r' << text << "\x1b[K";
    drawn_ = text;
  } else {
    out_ << text << '\n';
  }
  out_.flush();
}

void ProgressPrinter::end_line() {
  if (!drawn_.empty()) out_ << '\n';
  drawn_.clear();
}

}  // namespace charter::report

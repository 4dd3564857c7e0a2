#include "cli/descriptor_buffer.hpp"

#include <unistd.h>

#include <cerrno>

namespace charter::cli {

DescriptorBuffer::DescriptorBuffer(int descriptor)
    : descriptor_(descriptor), at_once_(::isatty(descriptor) == 1) {
  setp(bytes_.data(), bytes_.data() + bytes_.size());
}

bool DescriptorBuffer::write_out() {
  const char* at = pbase();
  while (error_ == 0 && at < pptr()) {
    const ssize_t written = ::write(descriptor_, at, static_cast<size_t>(pptr() - at));
    if (written >= 0)
      at += written;
    else if (errno != EINTR)
      error_ = errno;
  }
  setp(bytes_.data(), bytes_.data() + bytes_.size());
  return error_ == 0;
}

DescriptorBuffer::int_type DescriptorBuffer::overflow(int_type c) {
  if (!write_out()) return traits_type::eof();
  if (!traits_type::eq_int_type(c, traits_type::eof())) {
    *pptr() = traits_type::to_char_type(c);
    pbump(1);
  }
  return traits_type::not_eof(c);
}

std::streamsize DescriptorBuffer::xsputn(const char* text, std::streamsize size) {
  const std::streamsize taken = error_ == 0 ? std::streambuf::xsputn(text, size) : 0;
  return at_once_ && !write_out() ? 0 : taken;
}

int DescriptorBuffer::sync() { return write_out() ? 0 : -1; }

}  // namespace charter::cli

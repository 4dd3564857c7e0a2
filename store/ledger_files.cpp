// A ledger whose files are moved, removed or replaced while it is written.
#include "store/ledger.hpp"
#include "store/ledger_schema.hpp"

namespace charter::store {

namespace fs = std::filesystem;

std::string Ledger::displaced() const { return impl_->db.displaced(); }

std::string Ledger::put_back() {
  if (displaced().empty()) return {};
  fold_log(/*truncate=*/true);
  const fs::path path = impl_->db.path();
  if (impl_->db.log_alone_displaced()) return "what its log held is in " + path.string();
  if (!fs::is_directory(path.parent_path())) return {};  // all of it went with its directory
  fs::path target = path;
  if (fs::exists(path)) target += ".held";
  fs::path temporary = target;
  temporary += ".tmp";
  fs::remove(temporary);
  copy_to(temporary);
  // A log that is still there belongs to the database that is not.
  for (const char* suffix : {"-wal", "-shm"}) fs::remove(target.string() + suffix);
  fs::rename(temporary, target);
  fs::rename(CommitCount::file_of(temporary), CommitCount::file_of(target));
  return "what it held is in " + target.string();
}

}  // namespace charter::store

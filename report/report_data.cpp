#include "report/report_data.hpp"

namespace charter::report {

Verdict verdict(const std::optional<Estimate>& elo, bool anchor) {
  if (anchor) return Verdict::kAnchor;
  if (!elo) return Verdict::kNoData;
  if (elo->low > 0) return Verdict::kImproved;
  if (elo->high < 0) return Verdict::kWorse;
  return Verdict::kUndecided;  // NaN bounds end here too
}

const char* verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAnchor:
      return "anchor";
    case Verdict::kImproved:
      return "better";
    case Verdict::kWorse:
      return "worse";
    case Verdict::kUndecided:
      return "no difference shown";
    case Verdict::kNoData:
      return "no data";
  }
  return "";
}

}  // namespace charter::report

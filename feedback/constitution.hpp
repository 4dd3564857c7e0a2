// The principles: critique and revision requests of the supervised stage, and multiple-choice
// questions of the labels (Bai et al. 2022, arXiv 2212.08073, sections 3.1 and 4.1, appendix C).
// Immutable after loading; any number of readers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "feedback/conversation.hpp"
#include "feedback/counter_rng.hpp"

namespace charter::feedback {

struct CritiquePrinciple {
  std::string id;
  std::string critique_request;  // without "CritiqueRequest:" and without "Critique:"
  std::string revision_request;
};

// Descriptions that fit "A conversation with a {good} assistant"; comma-separated.
struct Contrast {
  std::string good;
  std::string bad;
};

struct FeedbackPrinciple {
  std::string id;
  std::string text;   // without the leading newline and the trailing " Options:" of the template
  Contrast contrast;  // default_contrast() if the file has none
};

struct Constitution {
  std::string name;
  std::string source;  // where the texts come from; the report names it
  std::vector<CritiquePrinciple> critiques;
  std::vector<FeedbackPrinciple> feedback;
  std::uint64_t hash = 0;  // of every id and text in order; part of the handshake and of cache keys
};

// Used where a principle brings no descriptors of its own (the paper's pack has none).
[[nodiscard]] Contrast default_contrast();

// TOML: name, source, version = 1, [[critique]] {id, critique_request, revision_request},
// [[feedback]] {id, text, contrast = {good, bad} (optional)}. Strict: unknown keys, missing keys,
// wrong types, empty texts, repeated ids and an empty section are errors.
// Throws std::runtime_error "FILE:LINE: what was expected".
[[nodiscard]] Constitution load_constitution(const std::filesystem::path& file);

// The paper's pack: a directory with CritiqueRevisionInstructions.json ({"harmfulK": {"prompt":
// ["\n\nCritiqueRequest: ...\n\nCritique:"], "edit_request": "\n\nRevisionRequest:
// ...\n\nRevision:"}}) and RLMadisonInstructions.json (["\n... Options:", ...]). Texts keep their
// wording, typos included; ids are "harmfulK" (in numeric order) and "madisonK". Throws
// std::runtime_error.
[[nodiscard]] Constitution import_paper_constitution(const std::filesystem::path& directory);

// The files that a constitution is read from: the one, or those of the paper's directory.
[[nodiscard]] std::vector<std::filesystem::path> constitution_files(
    const std::filesystem::path& path);

// Uniform and independent per key, with replacement across rounds (section 3.1: "at each revision
// step we randomly sample"). Throws std::invalid_argument if the section is empty.
[[nodiscard]] const CritiquePrinciple& draw_critique(const Constitution& constitution,
                                                     const DrawKey& key);
[[nodiscard]] const FeedbackPrinciple& draw_feedback(const Constitution& constitution,
                                                     const DrawKey& key);

}  // namespace charter::feedback

# Holds the tree to its arrows: who may include whom, that the pure folders read no clock and no
# environment, that each source has a test, and a few rules of form.
#   cmake [-DROOT=tree] -P tests/layering.cmake
# Prints one line per violation, "file:line: rule", and fails if there is any.
# tests/layering_test.cmake shows that every rule can fail.
cmake_minimum_required(VERSION 3.25)
if(NOT ROOT)
  get_filename_component(ROOT "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
endif()
set(violations 0)

# ---- The arrows -------------------------------------------------------------------------------
# folder -> the project folders it may include from. `cli` and `bench` compose: they may include all.
set(arrows_model "model/")
set(arrows_rl "rl/|model/")
set(arrows_feedback "feedback/|model/")
set(arrows_store "store/")
set(arrows_metrics "metrics/")
set(arrows_report "report/|store/|feedback/")
set(arrows_config "config/")
set(arrows_net "net/")
set(arrows_transport "actors/transport/|actors/messages\\.hpp$|rl/trajectory\\.hpp$")
set(arrows_actors "actors/|rl/|feedback/|model/|store/|net/|metrics/|config/")

# folder -> the libraries it may include, beside the standard library and POSIX.
set(torch "ATen/|c10/|torch/csrc/")
set(libraries_model "${torch}|oniguruma\\.h|nlohmann/|xxhash\\.h|omp\\.h|immintrin\\.h")
set(libraries_rl "${torch}")
set(libraries_feedback "${torch}|nlohmann/|toml\\+\\+/|zlib\\.h")
set(libraries_store "sqlite3\\.h|nlohmann/|xxhash\\.h")
set(libraries_metrics "prometheus/|nlohmann/|httplib\\.h")
set(libraries_report "nlohmann/")
set(libraries_config "toml\\+\\+/|nlohmann/")
set(libraries_net "httplib\\.h|nlohmann/")
set(libraries_transport "zmq\\.hpp|msgpack\\.hpp|caf/meta/|xxhash\\.h")
set(libraries_actors "${torch}|caf/|zmq\\.hpp|nlohmann/|xxhash\\.h|prometheus/")
set(libraries_messages "caf/meta/")

# Standard headers have neither slash nor dot; of POSIX, a pure folder may map files but open no socket.
set(standard "^[a-z_0-9]+$|^(unistd|fcntl|dlfcn|errno|signal|poll|spawn|sched|pthread|malloc)\\.h$|^sys/")
set(network "^(sys/socket|sys/un|netinet/.*|arpa/.*|netdb|poll|sys/epoll)\\.h$|^(netinet|arpa)/")
set(pure model rl feedback)

# Reads of a clock, of the environment or of entropy: the same values in give the same values out.
set(impure "(steady_clock|system_clock|high_resolution_clock|clock_gettime|gettimeofday|getenv|random_device)")
set(impure_call "(^|[^A-Za-z0-9_.>])time\\(")
# The engine alone measures itself: only inside step() is it known how much of a step was prefill and
# how much decode. The seconds go into EngineStats and into no result.
set(may_read_clock model/engine.cpp)

# ---- Sources whose test has another name ------------------------------------------------------
# "source test": parts of one header split over several files, and internals reached through one class.
set(tested_elsewhere
  "model/attention.cpp model/transformer_test.cpp"
  "model/forward.cpp model/transformer_test.cpp"
  "model/packing.cpp model/transformer_test.cpp"
  "model/fused_ops.cpp model/transformer_test.cpp"
  "model/rope.cpp model/transformer_test.cpp"
  "model/cached_attention.cpp model/packed_model_test.cpp"
  "model/cached_forward.cpp model/packed_model_test.cpp"
  "model/packed_product.cpp model/packed_model_test.cpp"
  "model/kernels.cpp model/packed_model_test.cpp"
  "model/kernels_avx512bf16.cpp model/packed_model_test.cpp"
  "model/device_forward.cpp model/device_test.cpp"
  "model/device_model.cpp model/device_test.cpp"
  "model/text_stream.cpp model/stop_string_test.cpp"
  "model/kernels_avx2.cpp model/packed_model_test.cpp"
  "model/kernels_avx512.cpp model/packed_model_test.cpp"
  "model/kernels_avx512vnni.cpp model/packed_model_test.cpp"
  "model/team.cpp model/packed_model_test.cpp"
  "model/parallel.cpp model/packed_model_test.cpp"
  "model/kv_cache.cpp model/prefix_test.cpp"
  "model/prefix_cache.cpp model/prefix_test.cpp"
  "model/request_checks.cpp model/engine_test.cpp"
  "model/scheduler.cpp model/engine_test.cpp"
  "model/stopping.cpp model/engine_test.cpp"
  "model/gguf_tokenizer.cpp model/metaspace_tokenizer_test.cpp"
  "model/tokenizer_hash.cpp model/tokenizer_test.cpp"
  "model/tokenizer_json.cpp model/tokenizer_test.cpp"
  "model/tokenizer_json_metaspace.cpp model/metaspace_tokenizer_test.cpp"
  "model/tokenizer_json_write.cpp model/tokenizer_test.cpp"
  "model/tokenizer_pre.cpp model/tokenizer_test.cpp"
  "model/bpe.cpp model/tokenizer_test.cpp"
  "model/utf8_nfc.cpp model/tokenizer_test.cpp"
  "model/linear.cpp model/lora_test.cpp"
  "model/linear_logprobs.cpp model/transformer_test.cpp"
  "model/train_state.cpp model/train_step_test.cpp"
  "model/gguf_quant.cpp model/gguf_test.cpp"
  "model/tensor_table.cpp model/gguf_test.cpp"
  "model/model_config_hf.cpp model/model_config_test.cpp"
  "model/model_config_hf_write.cpp model/model_config_test.cpp"
  "rl/policy_pass.cpp rl/ppo_trainer_test.cpp"
  "rl/ppo_batch.cpp rl/ppo_trainer_test.cpp"
  "rl/ppo_plan.cpp rl/ppo_trainer_test.cpp"
  "feedback/preference_model.cpp feedback/pm_trainer_test.cpp"
  "feedback/skipped.cpp feedback/transcript_test.cpp"
  "feedback/dataset_comparisons.cpp feedback/datasets_test.cpp"
  "feedback/dataset_prompts.cpp feedback/datasets_test.cpp"
  "feedback/dataset_scores.cpp feedback/datasets_test.cpp"
  "feedback/likelihood_contrast.cpp feedback/judge_test.cpp"
  "feedback/refusal_signs.cpp feedback/evasiveness_test.cpp"
  "store/ledger_files.cpp store/ledger_displaced_test.cpp"
  "store/ledger_open.cpp store/ledger_test.cpp"
  "store/ledger_read.cpp store/ledger_test.cpp"
  "store/ledger_run.cpp store/ledger_test.cpp"
  "store/sqlite.cpp store/ledger_test.cpp"
  "metrics/alert_rules.cpp metrics/limits_test.cpp"
  "metrics/limit_rules.cpp metrics/limits_test.cpp"
  "metrics/maker.cpp metrics/metrics_test.cpp"
  "metrics/sampling_metrics.cpp metrics/metrics_test.cpp"
  "metrics/system_metrics.cpp metrics/metrics_test.cpp"
  "metrics/training_metrics.cpp metrics/metrics_test.cpp"
  "report/html_style.cpp report/html_report_test.cpp"
  "report/result_sections.cpp report/html_report_test.cpp"
  "report/run_sections.cpp report/html_report_test.cpp"
  "report/report_json.cpp report/html_report_test.cpp"
  "report/report_data.cpp report/html_report_test.cpp"
  "report/table.cpp report/html_report_test.cpp")

# ---- The checks -------------------------------------------------------------------------------

# complain(FILE CONTENT FOUND RULE): one line, at the first line of CONTENT that holds FOUND.
macro(complain file content found rule)
  set(place "${file}")
  if(NOT "${found}" STREQUAL "")
    string(FIND "${content}" "${found}" at)
    string(SUBSTRING "${content}" 0 ${at} before)
    string(REGEX MATCHALL "\n" newlines "${before}")
    list(LENGTH newlines line)
    math(EXPR line "${line} + 1")
    set(place "${file}:${line}")
  endif()
  message("${place}: ${rule}")
  math(EXPR violations "${violations} + 1")
endmacro()

# layer_of(FILE): the name under which arrows_* and libraries_* know the file.
function(layer_of file out)
  string(REGEX REPLACE "/.*" "" layer "${file}")
  if(file MATCHES "^actors/transport/")
    set(layer transport)
  elseif(file STREQUAL "actors/messages.hpp")
    set(layer messages)
  endif()
  set(${out} ${layer} PARENT_SCOPE)
endfunction()

# may_include(LAYER HEADER QUOTED): whether the arrows allow it.
function(may_include layer header quoted out)
  set(${out} FALSE PARENT_SCOPE)
  if(quoted)
    if(layer STREQUAL "messages")
      set(allowed "rl/trajectory\\.hpp$|actors/messages")
    else()
      set(allowed "${arrows_${layer}}")
    endif()
  elseif(header MATCHES "${standard}" OR header MATCHES "${network}")
    if(header MATCHES "${network}" AND layer IN_LIST pure)
      return()
    endif()
    set(${out} TRUE PARENT_SCOPE)
    return()
  else()
    set(allowed "${libraries_${layer}}")
  endif()
  if(NOT allowed STREQUAL "" AND header MATCHES "^(${allowed})")
    set(${out} TRUE PARENT_SCOPE)
  endif()
endfunction()

function(check_includes file content)
  layer_of("${file}" layer)
  string(REGEX MATCHALL "#[ \t]*include[ \t]*[<\"][^>\"\n]+[>\"]" includes "${content}")
  foreach(include IN LISTS includes)
    string(REGEX REPLACE ".*[<\"]([^>\"]+)[>\"]" "\\1" header "${include}")
    if(header STREQUAL "torch/torch.h")
      complain("${file}" "${content}" "${include}" "includes torch/torch.h: ATen/ATen.h is enough and compiles 10x faster")
    elseif(file MATCHES "\\.hpp$" AND header STREQUAL "ATen/ATen.h" AND NOT file MATCHES "^(tests|bench)/|_impl\\.hpp$")
      complain("${file}" "${content}" "${include}" "a header includes ATen/ATen.h: use ATen/core/Tensor.h")
    endif()
    if(NOT DEFINED arrows_${layer} AND NOT layer STREQUAL "messages")
      continue()
    endif()
    set(quoted FALSE)
    if(include MATCHES "\"$")
      set(quoted TRUE)
    endif()
    may_include(${layer} "${header}" ${quoted} allowed)
    if(NOT allowed)
      complain("${file}" "${content}" "${include}" "${layer} may not include ${header}")
    endif()
  endforeach()
  set(violations ${violations} PARENT_SCOPE)
endfunction()

# Neither messages nor transport may reach a tensor, however long the way.
function(check_reaches_no_tensor start)
  set(open "${start}")
  set(seen "")
  while(open)
    list(POP_FRONT open file)
    if(file IN_LIST seen OR NOT EXISTS "${ROOT}/${file}")
      continue()
    endif()
    list(APPEND seen "${file}")
    file(READ "${ROOT}/${file}" content)
    if(content MATCHES "#[ \t]*include[ \t]*<((ATen|c10|torch)/[^>]+)>")
      complain("${start}" "" "" "reaches ${CMAKE_MATCH_1} through ${file}")
    endif()
    string(REGEX MATCHALL "#[ \t]*include[ \t]*\"[^\"\n]+\"" includes "${content}")
    foreach(include IN LISTS includes)
      string(REGEX REPLACE ".*\"([^\"]+)\"" "\\1" header "${include}")
      list(APPEND open "${header}")
    endforeach()
  endwhile()
  set(violations ${violations} PARENT_SCOPE)
endfunction()

function(check_purity file content)
  string(REGEX REPLACE "/.*" "" folder "${file}")
  if(NOT folder IN_LIST pure OR file IN_LIST may_read_clock)
    return()
  endif()
  string(REGEX REPLACE "//[^\n]*" "" code "${content}")
  if(code MATCHES "${impure}")
    complain("${file}" "${content}" "${CMAKE_MATCH_0}" "${folder} may not use ${CMAKE_MATCH_1}: take the value as an argument")
  endif()
  if(code MATCHES "${impure_call}")
    complain("${file}" "${content}" "${CMAKE_MATCH_0}" "${folder} may not call time(): take the value as an argument")
  endif()
  set(violations ${violations} PARENT_SCOPE)
endfunction()

function(check_form file content)
  string(REGEX MATCHALL "\n" newlines "${content}")
  list(LENGTH newlines lines)
  if(lines GREATER 400)
    complain("${file}" "" "" "${lines} lines, at most 400: split it at a concept")
  endif()
  # An _impl.hpp is a piece of its only includer's source.
  if(file MATCHES "\\.hpp$" AND NOT file MATCHES "_impl\\.hpp$" AND NOT content MATCHES "(^|\n)#pragma once\n")
    complain("${file}" "" "" "a header needs #pragma once")
  endif()
  set(violations ${violations} PARENT_SCOPE)
endfunction()

# A source is tested if tests/ mirrors it, if a test of its folder includes its header, or if it is listed above.
function(check_has_test file)
  if(NOT file MATCHES "^(model|rl|feedback|store|metrics|report)/([a-z0-9_]+)\\.cpp$")
    return()
  endif()
  set(folder ${CMAKE_MATCH_1})
  set(stem ${CMAKE_MATCH_2})
  set(mirror "tests/${folder}/${stem}_test.cpp")
  if(EXISTS "${ROOT}/${mirror}")
    return()
  endif()
  foreach(pair IN LISTS tested_elsewhere)
    if(pair MATCHES "^${file} (.*)$" AND EXISTS "${ROOT}/tests/${CMAKE_MATCH_1}")
      return()
    endif()
  endforeach()
  file(GLOB tests "${ROOT}/tests/${folder}/*_test.cpp")
  foreach(test IN LISTS tests)
    file(STRINGS "${test}" hits REGEX "#include \"${folder}/${stem}\\.hpp\"")
    if(hits)
      return()
    endif()
  endforeach()
  complain("${file}" "" "" "has no test: expected ${mirror}, or a line in tests/layering.cmake")
  set(violations ${violations} PARENT_SCOPE)
endfunction()

# A test that no CMakeLists.txt names never runs.
function(check_test_is_built file)
  if(NOT file MATCHES "^tests/.*_test\\.cpp$")
    return()
  endif()
  get_filename_component(folder "${file}" DIRECTORY)
  get_filename_component(name "${file}" NAME)
  set(listed FALSE)
  if(EXISTS "${ROOT}/${folder}/CMakeLists.txt")
    file(READ "${ROOT}/${folder}/CMakeLists.txt" lists)
    string(FIND "${lists}" "${name}" at)
    if(NOT at EQUAL -1)
      set(listed TRUE)
    endif()
  endif()
  if(NOT listed)
    complain("${file}" "" "" "is not named in ${folder}/CMakeLists.txt, so it never runs")
  endif()
  set(violations ${violations} PARENT_SCOPE)
endfunction()

set(folders model rl feedback store net metrics report config actors cli bench tests)
set(files "")
foreach(folder IN LISTS folders)
  file(GLOB_RECURSE found RELATIVE "${ROOT}" "${ROOT}/${folder}/*.hpp" "${ROOT}/${folder}/*.cpp")
  list(APPEND files ${found})
endforeach()
list(LENGTH files count)
if(count EQUAL 0)
  message(FATAL_ERROR "${ROOT}: expected the folders of Charter here, found no source")
endif()
foreach(file IN LISTS files)
  file(READ "${ROOT}/${file}" content)
  # CMake's lists give brackets and semicolons a meaning; no rule here looks at either.
  string(REGEX REPLACE "[][;]" " " content "${content}")
  check_includes("${file}" "${content}")
  check_purity("${file}" "${content}")
  check_form("${file}" "${content}")
  check_has_test("${file}")
  check_test_is_built("${file}")
  if(file MATCHES "^actors/(messages|transport/.*)\\.hpp$")
    check_reaches_no_tensor("${file}")
  endif()
endforeach()
# The list above may not outlive what it names. (A tree without a build file is one of the self-test's.)
if(EXISTS "${ROOT}/CMakeLists.txt")
  foreach(pair IN LISTS tested_elsewhere)
    string(REPLACE " " ";tests/" both "${pair}")
    foreach(file IN LISTS both)
      if(NOT EXISTS "${ROOT}/${file}")
        complain("tests/layering.cmake" "" "" "names ${file}, which does not exist")
      endif()
    endforeach()
  endforeach()
endif()
if(violations GREATER 0)
  message(FATAL_ERROR "violations: ${violations} in ${count} files")
endif()
message("${count} files keep to the arrows")

// A parsed template.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/jinja/value.hpp"

namespace charter::model::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<const Expr>;

struct Arguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
};

// parts: of kConditional what it is when true, the condition, what it is else (absent: undefined);
// of kSlice the object and its three bounds, absent ones null; of kDict key, value, key, value...
struct Expr {
  enum class Kind {
    kConstant,     // constant
    kName,         // name
    kList,         // parts
    kTuple,        // parts
    kDict,         // parts
    kAttribute,    // parts[0] . name
    kItem,         // parts[0] [ parts[1] ]
    kSlice,        // parts[0] [ parts[1] : parts[2] : parts[3] ]
    kCall,         // parts[0] ( arguments )
    kFilter,       // parts[0] | name ( arguments ); parts[0] null: the text of a block
    kTest,         // parts[0] is name ( arguments )
    kConditional,  // parts
    kAnd,          // parts[0] and parts[1]
    kOr,
    kNot,
    kNegative,
    kPositive,
    kBinary,   // parts[0] name parts[1]: + - * / // % **
    kConcat,   // parts joined by ~
    kCompare,  // parts[0] names[0] parts[1] names[1] parts[2] ...
  };
  Kind kind;
  int line = 0;
  int height = 1;  // of the tree below
  std::string name = {};
  std::vector<std::string> names = {};
  Value constant = {};
  std::vector<ExprPtr> parts = {};
  Arguments arguments = {};
};

struct Stmt;
using Body = std::vector<std::unique_ptr<const Stmt>>;

struct Parameter {
  std::string name;
  ExprPtr fallback;  // null: undefined
};

// A macro, or the body of a call block.
struct MacroNode {
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;
};

struct Stmt {
  enum class Kind {
    kText,        // text
    kOutput,      // value
    kIf,          // conditions[i] -> bodies[i]; one body more: else
    kFor,         // targets in value if condition; bodies[0], else bodies[1]
    kSet,         // targets = value; attribute: targets[0].attribute = value
    kSetBlock,    // targets[0] = bodies[0] through the filters of value
    kMacro,       // macro
    kCallBlock,   // value is the call, macro its caller
    kFilter,      // value's filters over bodies[0]
    kWith,        // targets[i] = conditions[i]; bodies[0]
    kGeneration,  // bodies[0]
    kBreak,
    kContinue,
  };
  Kind kind;
  int line = 0;
  std::string text = {};
  // kFor and kSet: one name, or those that an item is unpacked to, when `unpacks`.
  std::vector<std::string> targets = {};
  bool unpacks = false;
  std::string attribute = {};
  ExprPtr value = {}, condition = {};
  std::vector<ExprPtr> conditions = {};
  std::vector<Body> bodies = {};
  std::unique_ptr<const MacroNode> macro = {};
};

}  // namespace charter::model::jinja

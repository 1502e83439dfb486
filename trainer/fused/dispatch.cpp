// Calls any operator of libtorch by its name (src/network/pass/dispatch.rs). libtorch's dispatcher knows the
// schema of each operator: which arguments it has, of which types, and their defaults.

#include <ATen/ATen.h>
#include <ATen/ScalarOps.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include "guarded.h"

using at::Tensor;

// An argument. `data` points to what the kind says: a tensor, an array of pointers to tensors (null for an
// absent one), of int64_t, double or bool, or text; `length` counts the elements.
// Not in the namespace below, where it would hide the function that takes it from Rust.
struct Argument {
  const char* name;
  int64_t kind;
  int64_t integer;
  double real;
  const void* data;
  size_t length;
};

namespace {

// The kinds of arguments, in the order of `Argument` in dispatch.rs.
enum Kind : int64_t { kNone, kTensor, kTensors, kInt, kInts, kFloat, kFloats, kBool, kBools, kText, kDtype };

// The type an argument has where it is given.
c10::TypePtr given_type(const c10::TypePtr& type) {
  const auto* optional = type->castRaw<c10::OptionalType>();
  return optional ? optional->getElementType() : type;
}

bool is_list_of(const c10::TypePtr& type, c10::TypeKind element) {
  const auto* list = type->castRaw<c10::ListType>();
  return list && list->getElementType()->kind() == element;
}

c10::IValue tensors(const Argument& argument, const c10::TypePtr& type) {
  const auto* pointers = static_cast<const Tensor* const*>(argument.data);
  if (is_list_of(type, c10::TypeKind::OptionalType)) {
    c10::List<std::optional<Tensor>> list;
    for (size_t i = 0; i < argument.length; ++i)
      list.push_back(pointers[i] ? std::optional<Tensor>(*pointers[i]) : std::nullopt);
    return list;
  }
  c10::List<Tensor> list;
  for (size_t i = 0; i < argument.length; ++i) {
    TORCH_CHECK(pointers[i], "an absent tensor in ", argument.name);
    list.push_back(*pointers[i]);
  }
  return list;
}

// Returns an argument as the schema's type wants it. Where a number is given for a list, as for a kernel of
// equal sides, the list has this one number, which libtorch repeats.
c10::IValue value(const Argument& argument, const c10::TypePtr& declared) {
  const c10::TypePtr type = given_type(declared);
  const bool wants_float = type->kind() == c10::TypeKind::FloatType;
  // Python turns a number into a tensor without axes, which does not decide the number type of the result.
  if (type->kind() == c10::TypeKind::TensorType && (argument.kind == kInt || argument.kind == kFloat))
    return at::native::wrapped_scalar_tensor(argument.kind == kInt ? at::Scalar(argument.integer)
                                                                   : at::Scalar(argument.real));
  switch (argument.kind) {
    case kNone: return {};
    case kTensor: return *static_cast<const Tensor*>(argument.data);
    case kTensors: return tensors(argument, type);
    case kInt:
      if (wants_float) return static_cast<double>(argument.integer);
      if (is_list_of(type, c10::TypeKind::IntType) || is_list_of(type, c10::TypeKind::SymIntType))
        return c10::List<int64_t>({argument.integer});
      return argument.integer;
    case kInts: {
      const auto* values = static_cast<const int64_t*>(argument.data);
      if (is_list_of(type, c10::TypeKind::FloatType))
        return c10::List<double>(std::vector<double>(values, values + argument.length));
      return c10::List<int64_t>(c10::ArrayRef<int64_t>(values, argument.length));
    }
    case kFloat: return argument.real;
    case kFloats:
      return c10::List<double>(
          c10::ArrayRef<double>(static_cast<const double*>(argument.data), argument.length));
    case kBool: return argument.integer != 0;
    case kBools: {
      c10::List<bool> list;
      for (size_t i = 0; i < argument.length; ++i)
        list.push_back(static_cast<const bool*>(argument.data)[i]);
      return list;
    }
    case kText: return std::string(static_cast<const char*>(argument.data), argument.length);
    case kDtype: return argument.integer;
    default: TORCH_CHECK(false, "unknown kind of argument ", argument.name);
  }
}

// Returns the arguments in the schema's order, those that are not given at their defaults.
torch::jit::Stack stack_of(const c10::FunctionSchema& schema, const Argument* arguments, size_t n) {
  torch::jit::Stack stack;
  size_t n_used = 0;
  for (const c10::Argument& declared : schema.arguments()) {
    const Argument* given = std::find_if(arguments, arguments + n, [&](const Argument& argument) {
      return declared.name() == argument.name;
    });
    if (given != arguments + n) {
      stack.push_back(value(*given, declared.type()));
      ++n_used;
    } else {
      TORCH_CHECK(declared.default_value() || declared.type()->kind() == c10::TypeKind::OptionalType,
                  schema.name(), ": argument ", declared.name(), " is not given");
      stack.push_back(declared.default_value().value_or(c10::IValue()));
    }
  }
  TORCH_CHECK(n_used == n, schema.name(), ": an argument is given that it does not have");
  return stack;
}

}  // namespace

extern "C" {

// Calls the operator `name` ("aten::conv2d") in its `overload` ("" for the default one). Writes the tensors
// it returns, those of a list one by one, to `out`, which has room for `room`; null for those that are
// undefined or that no room is left for. Fails where it returns fewer.
bool guidance_call(Tensor** out, size_t room, const char* name, const char* overload,
                   const Argument* arguments, size_t n) {
  return guarded([&] {
    const auto found = c10::Dispatcher::singleton().findSchema({name, overload});
    TORCH_CHECK(found, "this libtorch has no operator ", name, *overload ? "." : "", overload);
    torch::jit::Stack stack = stack_of(found->schema(), arguments, n);
    found->callBoxed(stack);
    std::vector<Tensor> made;
    for (const c10::IValue& result : stack) {
      if (result.isTensor()) {
        made.push_back(result.toTensor());
      } else if (result.isTensorList()) {
        for (const Tensor& tensor : result.toTensorVector()) made.push_back(tensor);
      }
    }
    TORCH_CHECK(made.size() >= room, name, " gives ", made.size(), " tensors instead of ", room);
    for (size_t i = 0; i < room; ++i)
      if (made[i].defined()) out[i] = new Tensor(made[i]);
  });
}
}

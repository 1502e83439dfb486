// Helpers of the operations in bcos.h and fused.cpp: which tensors they may read directly (contiguous ones on
// the CPU), how their work is divided among threads and fits into caches, and derivatives of derivatives.

#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Replaces infinite values by NaN, in place and outside the graph. `t` is about to be divided by, and a
// division by infinity would give 0 and hide the overflow. The operation that made `t` must not need it in
// its backward pass.
Tensor infinite_to_nan(Tensor t) {
  const at::NoGradGuard guard;
  t.add_(t.detach(), 0);  // t + 0 t
  return t;
}

// Whether `t` can be read as rows of contiguous pixels: index (n, c) starts at (n * C + c) * pixels.
bool rows_on_cpu(const Tensor& t) {
  return t.device().is_cpu() && t.is_contiguous() && t.numel() > 0 &&
         (t.scalar_type() == at::kFloat || t.scalar_type() == at::kDouble);
}

// Whether `t` can be read pixel by pixel, the channels of each side by side: index (n, c, pixel) is at
// (n * pixels + pixel) * C + c.
bool pixels_on_cpu(const Tensor& t) {
  return t.device().is_cpu() && t.dim() == 4 && t.numel() > 0 &&
         t.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         (t.scalar_type() == at::kFloat || t.scalar_type() == at::kDouble);
}

// Pixels whose sums are made together; few enough for 32 bits.
constexpr int64_t SUMMED = 256;

// Returns N sums over all pixels for each channel, (N, channels): each(at, sums) adds the pixel whose first channel is
// at index `at`. The parts that are summed side by side do not depend on the number of threads.
template <int N, typename T, typename Each>
std::vector<double> sums_over_pixels(int64_t pixels, int64_t channels, const Each& each) {
  const int64_t parts = (pixels + SUMMED - 1) / SUMMED, width = N * channels;
  std::vector<T> of_parts(parts * width);
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t last = std::min(pixels, (part + 1) * SUMMED);
      for (int64_t pixel = part * SUMMED; pixel < last; ++pixel)
        each(pixel * channels, of_parts.data() + part * width);
    }
  });
  std::vector<double> sums(width);
  for (int64_t part = 0; part < parts; ++part)
    for (int64_t i = 0; i < width; ++i) sums[i] += of_parts[part * width + i];
  return sums;
}

// Calls each(at) for every pixel, `at` being the index of its first channel.
template <typename Each>
void for_pixels(int64_t pixels, int64_t channels, const Each& each) {
  const int64_t grain = std::max<int64_t>(1, 32768 / channels);
  at::parallel_for(0, pixels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t pixel = begin; pixel < end; ++pixel) each(pixel * channels);
  });
}

// Calls body(zero), the zero being of the type of `t`'s elements, float or double.
template <typename Body>
void for_type(const Tensor& t, const Body& body) {
  t.scalar_type() == at::kFloat ? body(0.0f) : body(0.0);
}

// Returns `t` (C) as (1, C, 1, ...), with as many dimensions as `like`.
Tensor per_channel(const Tensor& t, const Tensor& like) {
  std::vector<int64_t> shape(like.dim(), 1);
  shape[1] = -1;
  return t.reshape(shape);
}

// Refuses to differentiate a derivative again. Derivatives that cannot be differentiated call it, because
// libtorch would silently take their derivative for zero.
void once_only() {
  TORCH_CHECK(!at::GradMode::is_enabled(), "a fused operation can be differentiated only once");
}

// Whether the derivative being computed is to be differentiated again.
bool is_again() { return at::GradMode::is_enabled(); }

// Returns the derivative of `outputs` at `inputs` by libtorch, for use if is_again(). `outputs` must be a
// plain expression of `inputs`; `grads` are the gradients at the outputs.
variable_list derivative(const variable_list& outputs, const variable_list& inputs,
                         const variable_list& grads) {
  variable_list from, with, to, all;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!grads[i].defined() || !outputs[i].requires_grad()) continue;
    from.push_back(outputs[i]);
    with.push_back(grads[i]);
  }
  for (const Tensor& input : inputs)
    if (input.defined() && input.requires_grad()) to.push_back(input);
  const variable_list found = torch::autograd::grad(from, to, with, true, true, true);
  size_t next = 0;
  for (const Tensor& input : inputs)
    all.push_back(input.defined() && input.requires_grad() ? found[next++] : Tensor());
  return all;
}

// The pixels that are worked on at a time, for one channel after the other. So few stay in the first-level
// cache meanwhile.
constexpr int64_t STRIP = 2048;

// Up to STRIP pixels of one channel of one image.
struct Strip {
  int64_t index;    // of the strip of pixels, all channels alike
  int64_t channel;
  int64_t at;       // where it starts in (N, C, ...)
  int64_t pixel;    // where it starts in (N, 1, ...)
  int64_t length;
};

int64_t pixels_of(const Tensor& x) { return x.numel() / (x.size(0) * x.size(1)); }

int64_t strips_of(const Tensor& x) {
  return x.size(0) * at::divup(pixels_of(x), STRIP);
}

int64_t strip_length(const Tensor& x, int64_t index) {
  const int64_t pixels = pixels_of(x), at = index % at::divup(pixels, STRIP) * STRIP;
  return std::min(STRIP, pixels - at);
}

// Calls body(strip) for all of x (N, C, ...); strips with the same index one after the other.
template <typename Body>
void by_strips(const Tensor& x, const Body& body) {
  const int64_t channels = x.size(1), pixels = pixels_of(x), blocks = at::divup(pixels, STRIP);
  at::parallel_for(0, strips_of(x), 1, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const int64_t image = index / blocks, first = index % blocks * STRIP;
      const int64_t length = std::min(STRIP, pixels - first);
      for (int64_t c = 0; c < channels; ++c) {
        body(Strip{index, c, (image * channels + c) * pixels + first, image * pixels + first,
                   length});
      }
    }
  });
}

// Returns an uninitialised tensor for a sum over each strip and channel (strips, C), in double.
Tensor strip_sums(const Tensor& x) {
  return at::empty({strips_of(x), x.size(1)}, x.options().dtype(at::kDouble));
}

}  // namespace

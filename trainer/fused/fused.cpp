// The functions that src/network/pass/fused.rs calls. Most are operations of a training step that libtorch
// would compute in many passes over memory. Their derivatives are written by hand, so that libtorch
// differentiates through them as through its own operations; the formulas stand above the code. B-cos
// operations are in bcos.h, those of B-cosified networks in bcosified.h.

#include <ATen/DeviceAccelerator.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include "bcos.h"
#include "bcosified.h"
#include "guarded.h"
#include "rows.h"

namespace {

// <t>: the mean over everything but the channels.
Tensor mean_of(const Tensor& t) {
  std::vector<int64_t> dims;
  for (int64_t d = 0; d < t.dim(); ++d)
    if (d != 1) dims.push_back(d);
  return t.mean(dims);
}

// ---------------------------------------------------------------------------------------------
// The backward pass of batch norm with the batch's statistics, and the backward pass of that.
//
// y = w x^ + b with x^ = (x - mean) r, r = 1 / sqrt(var + eps). For a gradient g at y, the gradient at x is
//
//   d = w r P(g),   P(v) = v - <v> - x^ <v x^>      (<.>: mean over batch and pixels, per channel)
//
// and, for a gradient h at d, as mean and r depend on x too,
//
//   at g:  w r P(h)
//   at w:  r sum h P(g)
//   at x:  -w r^2 (<g x^> P(h) + <h x^> P(g) + x^ <h P(g)>),   <h P(g)> = <h g> - <h><g> - <h x^><g x^>
// ---------------------------------------------------------------------------------------------
// Computes d from g and x into `out`, and the means <g> and <g x^> into `means` (C, 2).
template <typename T>
void backward_on_cpu(const Tensor& g, const Tensor& x, const Tensor& w, const Tensor& mean,
                 const Tensor& r, Tensor& means, Tensor& out) {
  const int64_t batch = x.size(0), channels = x.size(1), pixels = x.numel() / (batch * channels);
  const double count = static_cast<double>(batch * pixels);
  const T *pg = g.const_data_ptr<T>(), *px = x.const_data_ptr<T>(), *pw = w.const_data_ptr<T>();
  const T *pm = mean.const_data_ptr<T>(), *pr = r.const_data_ptr<T>();
  T* po = out.mutable_data_ptr<T>();
  double* pmeans = means.mutable_data_ptr<double>();
  at::parallel_for(0, channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const T m = pm[c];
      double sum_g = 0, sum_gx = 0;
      for (int64_t b = 0; b < batch; ++b) {
        const int64_t at = (b * channels + c) * pixels;
        T row_g = 0, row_gx = 0;
#pragma omp simd reduction(+ : row_g, row_gx)
        for (int64_t i = at; i < at + pixels; ++i) {
          row_g += pg[i];
          row_gx += pg[i] * (px[i] - m);
        }
        sum_g += row_g;
        sum_gx += row_gx;
      }
      const double mean_g = sum_g / count, mean_gx = sum_gx * pr[c] / count;
      pmeans[2 * c] = mean_g;
      pmeans[2 * c + 1] = mean_gx;
      const double wr = static_cast<double>(pw[c]) * pr[c];
      const T scale = wr, slope = -wr * pr[c] * mean_gx, shift = -wr * mean_g;
      for (int64_t b = 0; b < batch; ++b) {
        const int64_t at = (b * channels + c) * pixels;
#pragma omp simd
        for (int64_t i = at; i < at + pixels; ++i)
          po[i] = scale * pg[i] + slope * (px[i] - m) + shift;
      }
    }
  });
}

// The same where the channels of a pixel are side by side.
template <typename T>
void backward_by_pixels(const Tensor& g, const Tensor& x, const Tensor& w, const Tensor& mean,
                        const Tensor& r, Tensor& means, Tensor& out) {
  const int64_t channels = x.size(1), pixels = x.numel() / channels;
  const T *pg = g.const_data_ptr<T>(), *px = x.const_data_ptr<T>(), *pw = w.const_data_ptr<T>();
  const T *pm = mean.const_data_ptr<T>(), *pr = r.const_data_ptr<T>();
  T* po = out.mutable_data_ptr<T>();
  double* pmeans = means.mutable_data_ptr<double>();
  const auto sums = sums_over_pixels<2, T>(pixels, channels, [&](int64_t at, T* to) {
    T* to_x = to + channels;
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
      to[c] += pg[at + c];
      to_x[c] += pg[at + c] * (px[at + c] - pm[c]);
    }
  });
  std::vector<T> scale(channels), slope(channels), shift(channels);
  for (int64_t c = 0; c < channels; ++c) {
    const double mean_g = sums[c] / pixels, mean_gx = sums[channels + c] * pr[c] / pixels;
    pmeans[2 * c] = mean_g;
    pmeans[2 * c + 1] = mean_gx;
    const double wr = static_cast<double>(pw[c]) * pr[c];
    scale[c] = wr, slope[c] = -wr * pr[c] * mean_gx, shift[c] = -wr * mean_g;
  }
  const T *by_g = scale.data(), *by_x = slope.data(), *by_1 = shift.data();
  for_pixels(pixels, channels, [&](int64_t at) {
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c)
      po[at + c] = by_g[c] * pg[at + c] + by_x[c] * (px[at + c] - pm[c]) + by_1[c];
  });
}

// Computes the gradients at g, x and w from h; `means` as backward_on_cpu computed them.
template <typename T>
void double_backward_on_cpu(const Tensor& h, const Tensor& g, const Tensor& x, const Tensor& w,
                          const Tensor& mean, const Tensor& r, const Tensor& means, Tensor& at_g,
                          Tensor& at_x, Tensor& at_w) {
  const int64_t batch = x.size(0), channels = x.size(1), pixels = x.numel() / (batch * channels);
  const double count = static_cast<double>(batch * pixels);
  const T *ph = h.const_data_ptr<T>(), *pg = g.const_data_ptr<T>(), *px = x.const_data_ptr<T>();
  const T *pw = w.const_data_ptr<T>(), *pm = mean.const_data_ptr<T>();
  const T* pr = r.const_data_ptr<T>();
  const double* pmeans = means.const_data_ptr<double>();
  T *to_g = at_g.mutable_data_ptr<T>(), *to_x = at_x.mutable_data_ptr<T>();
  T* to_w = at_w.mutable_data_ptr<T>();
  at::parallel_for(0, channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const T m = pm[c];
      double sum_h = 0, sum_hx = 0, sum_hg = 0;
      for (int64_t b = 0; b < batch; ++b) {
        const int64_t at = (b * channels + c) * pixels;
        T row_h = 0, row_hx = 0, row_hg = 0;
#pragma omp simd reduction(+ : row_h, row_hx, row_hg)
        for (int64_t i = at; i < at + pixels; ++i) {
          row_h += ph[i];
          row_hx += ph[i] * (px[i] - m);
          row_hg += ph[i] * pg[i];
        }
        sum_h += row_h;
        sum_hx += row_hx;
        sum_hg += row_hg;
      }
      const double rc = pr[c], wr = pw[c] * rc;
      const double mean_h = sum_h / count, mean_hx = sum_hx * rc / count;
      const double mean_g = pmeans[2 * c], mean_gx = pmeans[2 * c + 1];
      const double mean_hpg = sum_hg / count - mean_h * mean_g - mean_hx * mean_gx;
      to_w[c] = rc * mean_hpg * count;
      // Both gradients are h, g, x - mean and 1, each with a factor of its own.
      const double k = -wr * rc;
      const T g_h = wr, g_x = -wr * mean_hx * rc, g_1 = -wr * mean_h;
      const T x_h = k * mean_gx, x_g = k * mean_hx, x_x = k * rc * (mean_hpg - 2 * mean_gx * mean_hx);
      const T x_1 = -k * (mean_gx * mean_h + mean_hx * mean_g);
      for (int64_t b = 0; b < batch; ++b) {
        const int64_t at = (b * channels + c) * pixels;
#pragma omp simd
        for (int64_t i = at; i < at + pixels; ++i) {
          const T x_i = px[i] - m;
          to_g[i] = g_h * ph[i] + g_x * x_i + g_1;
          to_x[i] = x_h * ph[i] + x_g * pg[i] + x_x * x_i + x_1;
        }
      }
    }
  });
}

// The same where the channels of a pixel are side by side.
template <typename T>
void double_backward_by_pixels(const Tensor& h, const Tensor& g, const Tensor& x, const Tensor& w,
                               const Tensor& mean, const Tensor& r, const Tensor& means,
                               Tensor& at_g, Tensor& at_x, Tensor& at_w) {
  const int64_t channels = x.size(1), pixels = x.numel() / channels;
  const T *ph = h.const_data_ptr<T>(), *pg = g.const_data_ptr<T>(), *px = x.const_data_ptr<T>();
  const T *pw = w.const_data_ptr<T>(), *pm = mean.const_data_ptr<T>();
  const T* pr = r.const_data_ptr<T>();
  const double* pmeans = means.const_data_ptr<double>();
  T *to_g = at_g.mutable_data_ptr<T>(), *to_x = at_x.mutable_data_ptr<T>();
  T* to_w = at_w.mutable_data_ptr<T>();
  const auto sums = sums_over_pixels<3, T>(pixels, channels, [&](int64_t at, T* to) {
    T *to_hx = to + channels, *to_hg = to + 2 * channels;
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
      to[c] += ph[at + c];
      to_hx[c] += ph[at + c] * (px[at + c] - pm[c]);
      to_hg[c] += ph[at + c] * pg[at + c];
    }
  });
  // The factors of h, x - mean and 1 in the gradient at g, then those of h, g, x - mean and 1 in that at x.
  std::vector<T> factors(7 * channels);
  for (int64_t c = 0; c < channels; ++c) {
    const double rc = pr[c], wr = pw[c] * rc, k = -wr * rc;
    const double mean_h = sums[c] / pixels, mean_hx = sums[channels + c] * rc / pixels;
    const double mean_g = pmeans[2 * c], mean_gx = pmeans[2 * c + 1];
    const double mean_hpg =
        sums[2 * channels + c] / pixels - mean_h * mean_g - mean_hx * mean_gx;
    to_w[c] = rc * mean_hpg * pixels;
    const double of_channel[] = {wr,          -wr * mean_hx * rc,
                                 -wr * mean_h, k * mean_gx,
                                 k * mean_hx, k * rc * (mean_hpg - 2 * mean_gx * mean_hx),
                                 -k * (mean_gx * mean_h + mean_hx * mean_g)};
    for (int64_t i = 0; i < 7; ++i) factors[i * channels + c] = of_channel[i];
  }
  const T* f = factors.data();
  for_pixels(pixels, channels, [&](int64_t at) {
#pragma omp simd
    for (int64_t c = 0; c < channels; ++c) {
      const T h_i = ph[at + c], g_i = pg[at + c], x_i = px[at + c] - pm[c];
      to_g[at + c] = f[c] * h_i + f[channels + c] * x_i + f[2 * channels + c];
      to_x[at + c] = f[3 * channels + c] * h_i + f[4 * channels + c] * g_i +
                     f[5 * channels + c] * x_i + f[6 * channels + c];
    }
  });
}

// Returns d, <g> and <g x^> (C) on a GPU, where libtorch's own backward pass of batch norm computes them.
std::tuple<Tensor, Tensor, Tensor> backward_on_cuda(const Tensor& g, const Tensor& x, const Tensor& w,
                                                const Tensor& mean, const Tensor& r) {
  const auto [d, sum_gx, sum_g] =
      at::native_batch_norm_backward(g, x, w, {}, {}, mean, r, true, 0, {true, true, true});
  const double count = static_cast<double>(x.numel() / x.size(1));
  return {d, sum_g / count, sum_gx / count};
}

struct BatchNormBackward : Function<BatchNormBackward> {
  static Tensor forward(AutogradContext* ctx, const Tensor& g_in, const Tensor& x,
                        const Tensor& w, const Tensor& mean, const Tensor& r) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor g = g_in.contiguous(x.suggest_memory_format());
    if (g.is_cuda()) {
      const auto [d, mean_g, mean_gx] = backward_on_cuda(g, x, w, mean, r);
      ctx->save_for_backward({g, x, w, mean, r, at::stack({mean_g, mean_gx}, 1), d});
      return d;
    }
    Tensor means, out;
    const bool by_rows = rows_on_cpu(g) && rows_on_cpu(x);
    if (by_rows || (pixels_on_cpu(g) && pixels_on_cpu(x))) {
      means = at::empty({x.size(1), 2}, x.options().dtype(at::kDouble));
      out = at::empty_like(g);
      AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "batch_norm_backward", [&] {
        by_rows ? backward_on_cpu<scalar_t>(g, x, w, mean, r, means, out)
                : backward_by_pixels<scalar_t>(g, x, w, mean, r, means, out);
      });
    } else {
      const Tensor centred = (x - per_channel(mean, x)) * per_channel(r, x);
      const Tensor mean_g = mean_of(g), mean_gx = mean_of(g * centred);
      means = at::stack({mean_g, mean_gx}, 1);
      out = (g - per_channel(mean_g, x) - centred * per_channel(mean_gx, x)) * per_channel(w * r, x);
    }
    ctx->save_for_backward({g, x, w, mean, r, means});
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    once_only();
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &g = saved[0], &x = saved[1], &w = saved[2], &mean = saved[3], &r = saved[4];
    const Tensor& means = saved[5];
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor h = grads[0].contiguous(x.suggest_memory_format());
    const double count = static_cast<double>(x.numel() / x.size(1));
    if (h.is_cuda()) {
      const Tensor& d = saved[6];
      const Tensor mean_g = means.select(1, 0), mean_gx = means.select(1, 1);
      const auto [at_g, mean_h, mean_hx] = backward_on_cuda(h, x, w, mean, r);
      // <h g>, as the product with g of a norm that neither centres nor scales.
      const Tensor zero = at::zeros_like(mean), one = at::ones_like(r);
      const Tensor mean_hg =
          std::get<1>(at::batch_norm_backward_reduce(h, g, zero, one, w, true, false, false)) / count;
      const Tensor mean_hpg = mean_hg - mean_h * mean_g - mean_hx * mean_gx;
      // The gradient at x by at_g, d, x and 1, each with a factor of its own for every channel.
      const Tensor by_x = -w * r * r * r * mean_hpg;
      const Tensor shift = -by_x * mean;
      Tensor at_x = at::addcmul(per_channel(shift, x), at_g, per_channel(-r * mean_gx, x));
      at_x.addcmul_(d, per_channel(-r * mean_hx, x)).addcmul_(x, per_channel(by_x, x));
      return {at_g, at_x, r * mean_hpg * count, Tensor(), Tensor()};
    }
    const bool by_rows = rows_on_cpu(h) && rows_on_cpu(g) && rows_on_cpu(x);
    if (by_rows || (pixels_on_cpu(h) && pixels_on_cpu(g) && pixels_on_cpu(x))) {
      Tensor at_g = at::empty_like(g), at_x = at::empty_like(x), at_w = at::empty_like(w);
      AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "batch_norm_double_backward", [&] {
        by_rows
            ? double_backward_on_cpu<scalar_t>(h, g, x, w, mean, r, means, at_g, at_x, at_w)
            : double_backward_by_pixels<scalar_t>(h, g, x, w, mean, r, means, at_g, at_x, at_w);
      });
      return {at_g, at_x, at_w, Tensor(), Tensor()};
    }
    const Tensor centred = (x - per_channel(mean, x)) * per_channel(r, x);
    const Tensor mean_g = means.select(1, 0), mean_gx = means.select(1, 1);
    const Tensor mean_h = mean_of(h), mean_hx = mean_of(h * centred);
    const Tensor p_h = h - per_channel(mean_h, x) - centred * per_channel(mean_hx, x);
    const Tensor p_g = g - per_channel(mean_g, x) - centred * per_channel(mean_gx, x);
    const Tensor mean_hpg = mean_of(h * p_g);
    const Tensor at_x = (p_h * per_channel(mean_gx, x) + p_g * per_channel(mean_hx, x) +
                         centred * per_channel(mean_hpg, x)) *
                        per_channel(w * r * r, x).neg();
    return {p_h * per_channel(w * r, x), at_x, r * mean_hpg * count, Tensor(), Tensor()};
  }
};

void give(Tensor** out, std::initializer_list<Tensor> tensors) {
  for (const Tensor& tensor : tensors) *out++ = new Tensor(tensor);
}

// max(x, 0), in place, but NaN where x is NaN or -infinity: negative values are multiplied by the slope 0.
Tensor rectify(Tensor x) { return at::leaky_relu_(x, 0.0); }

// min(max(x, 0), 6), in place on the CPU. Where nothing is differentiated, NaN where x is not finite.
Tensor rectify_to_6(Tensor x) {
  if (at::GradMode::is_enabled()) return at::relu6_(x);
  const bool is_dense = x.is_non_overlapping_and_dense() &&
                        (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble);
  if (!x.device().is_cpu() || !is_dense) return at::relu6(x).add_(x, 0);
  for_type(x, [&](auto zero) {
    using scalar_t = decltype(zero);
    scalar_t* values = x.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, x.numel(), 32768, [&](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t i = begin; i < end; ++i) {
        const scalar_t value = values[i], low = value > 0 ? value : 0;
        values[i] = (low < 6 ? low : 6) + 0 * value;
      }
    });
  });
  return x;
}

// Computes conv(x) + shift + shortcut by one operation of oneDNN, which libtorch's dispatcher knows but no
// header declares. ReLU comes separately, as oneDNN's own makes 0 of NaN. Returns an undefined tensor where
// the operation does not apply.
Tensor conv_block(const Tensor& x, const Tensor& w, const Tensor* shift, const Tensor* shortcut,
                  int64_t stride, const int64_t* padding, int64_t groups, bool is_rectified) {
  static const auto find = [](const char* overload) {
    return c10::Dispatcher::singleton().findSchema({"mkldnn::_convolution_pointwise", overload});
  };
  static const auto alone = find(""), with_shortcut = find("binary");
  // An image of one row or column may count as contiguous and channels last at once, which oneDNN's wrapper
  // does not expect.
  const bool is_image = x.size(2) > 1 && x.size(3) > 1;
  const bool applies = is_image && x.device().is_cpu() && x.scalar_type() == at::kFloat &&
                       x.is_contiguous(at::MemoryFormat::ChannelsLast) &&
                       !at::GradMode::is_enabled() && at::globalContext().userEnabledMkldnn();
  if (!applies || !alone || !with_shortcut) return Tensor();
  const c10::List<std::optional<at::Scalar>> no_scalars;
  const auto bias = shift ? std::optional<Tensor>(*shift) : std::nullopt;
  torch::jit::Stack stack{x};
  if (shortcut) stack.emplace_back(*shortcut);
  torch::jit::push(stack, w, bias, std::vector<int64_t>{padding[0], padding[1]},
                   std::vector<int64_t>{stride, stride}, std::vector<int64_t>{1, 1}, groups);
  if (shortcut) {
    const std::optional<std::string> no_name;
    torch::jit::push(stack, std::string("add"), at::Scalar(1.0), no_name, no_scalars, std::nullopt);
    with_shortcut->callBoxed(stack);
  } else {
    torch::jit::push(stack, std::string("none"), no_scalars, std::nullopt);
    alone->callBoxed(stack);
  }
  const Tensor out = stack.front().toTensor();
  return is_rectified ? rectify(out) : out;
}

// A scale for each channel of `u`; a null pointer stands for 1.
Tensor or_one(const Tensor* s, const Tensor& u) {
  return s ? *s : at::ones({u.size(1)}, u.options());
}

}  // namespace

extern "C" {

const char* guidance_last_error() { return last_error.c_str(); }

bool guidance_batch_norm_backward(Tensor** out, const Tensor* g, const Tensor* x, const Tensor* w,
                              const Tensor* mean, const Tensor* r) {
  return guarded([&] { give(out, {BatchNormBackward::apply(*g, *x, *w, *mean, *r)}); });
}

bool guidance_unit_rows(Tensor** out, const Tensor* w) {
  return guarded([&] { give(out, {unit_rows(*w)}); });
}

bool guidance_conv_and_squares(Tensor** out, const Tensor* x, const Tensor* w, int64_t stride,
                               int64_t padding, bool is_bf16) {
  return guarded([&] {
    const variable_list made = conv_and_squares(*x, *w, stride, padding, is_bf16);
    give(out, {made[0], made[1]});
  });
}

bool guidance_bcos_scale(Tensor** out, const Tensor* u, const Tensor* m, const Tensor* s) {
  return guarded([&] { give(out, {bcos_scale(*u, *m, or_one(s, *u))}); });
}

bool guidance_bcos_norm(Tensor** out, const Tensor* u, const Tensor* m, const Tensor* w,
                        double eps) {
  return guarded([&] {
    const variable_list made = bcos_norm(*u, *m, *w, eps);
    give(out, {made[0], made[1], made[2]});
  });
}

// Gives a new tensor to differentiate with respect to. An alias shares the version counter of x, so that
// libtorch notices a change of x in place.
bool guidance_differentiable(Tensor** out, const Tensor* x) {
  return guarded([&] {
    const bool has_graph = at::GradMode::is_enabled() && x->requires_grad();
    give(out, {has_graph ? x->alias() : x->detach().requires_grad_()});
  });
}

bool guidance_as_now(Tensor** out, const Tensor* x) {
  return guarded([&] { give(out, {at::GradMode::is_enabled() ? *x : x->detach()}); });
}

// The gradient of the sum of g y is not computed by differentiating this sum, because g may depend on the
// same tensors as y and must count as a constant.
bool guidance_vjp(Tensor** out, const Tensor* y, const Tensor* const* xs, size_t n,
                   const Tensor* g) {
  return guarded([&] {
    variable_list inputs;
    for (size_t i = 0; i < n; ++i) inputs.push_back(*xs[i]);
    variable_list found(n);
    if (y->requires_grad())
      found = torch::autograd::grad({*y}, inputs, {*g}, true, at::GradMode::is_enabled(), true);
    for (size_t i = 0; i < n; ++i)
      out[i] = new Tensor(found[i].defined() ? found[i] : at::zeros_like(inputs[i]));
  });
}

bool guidance_bcos_vjp(Tensor** out, const Tensor* g, const Tensor* u, const Tensor* m,
                        const Tensor* s) {
  return guarded([&] { give(out, {bcos_vjp(*g, *u, *m, or_one(s, *u))}); });
}

bool guidance_power_scale(Tensor** out, const Tensor* u, const Tensor* m, const Tensor* r,
                          int64_t eighths) {
  return guarded([&] { give(out, {power_scale(*u, *m, *r, eighths)}); });
}

bool guidance_power_vjp(Tensor** out, const Tensor* g, const Tensor* u, const Tensor* m,
                        const Tensor* r, int64_t eighths) {
  return guarded([&] { give(out, {power_vjp(*g, *u, *m, *r, eighths)}); });
}

bool guidance_fading_norm(Tensor** out, const Tensor* x, const Tensor* w, const Tensor* b,
                          double kept, double eps) {
  return guarded([&] {
    const variable_list made = fading_norm(*x, *w, *b, kept, eps);
    give(out, {made[0], made[1], made[2], made[3]});
  });
}

bool guidance_conv_block(Tensor** out, const Tensor* x, const Tensor* w, const Tensor* shift,
                         const Tensor* shortcut, int64_t stride, const int64_t* padding,
                         int64_t groups, bool is_rectified) {
  return guarded([&] {
    const Tensor made =
        conv_block(*x, *w, shift, shortcut, stride, padding, groups, is_rectified);
    if (made.defined()) give(out, {made});
  });
}

bool guidance_rectify(Tensor** out, const Tensor* x) {
  return guarded([&] { give(out, {rectify(*x)}); });
}

bool guidance_rectify_to_6(Tensor** out, const Tensor* x) {
  return guarded([&] { give(out, {rectify_to_6(*x)}); });
}

bool guidance_allow_tf32(bool is_allowed) {
  return guarded([&] {
    at::globalContext().setAllowTF32CuDNN(is_allowed);
    at::globalContext().setAllowTF32CuBLAS(is_allowed);
  });
}

// tch's own pin_memory passes a device, for which libtorch prints a warning at every call.
bool guidance_pin(Tensor** out, const Tensor* t) {
  return guarded([&] { give(out, {t->pin_memory()}); });
}

bool guidance_be_deterministic() {
  return guarded([] {
    at::globalContext().setBenchmarkCuDNN(false);
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setDeterministicAlgorithms(true, false);
    // Otherwise every new tensor would be filled, which takes time.
    at::globalContext().setDeterministicFillUninitializedMemory(false);
  });
}

// Gives the free bytes of the device plus those that libtorch's allocator holds without a tensor in them.
bool guidance_free_cuda_memory(uint64_t* out, int64_t device) {
  return guarded([&] {
    const auto index = static_cast<c10::DeviceIndex>(device);
    auto* allocator = at::getDeviceAllocator(at::kCUDA);
    const auto stats = allocator->getDeviceStats(index);
    const auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    const int64_t cached =
        stats.reserved_bytes[all].current - stats.active_bytes[all].current;
    *out = allocator->getMemoryInfo(index).first + (cached > 0 ? cached : 0);
  });
}
}

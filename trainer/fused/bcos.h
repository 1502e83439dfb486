// The operations of B-cos layers (docs/SPEC.md A.3), each in one or two passes over memory and with its
// derivative. With u = w^ * x (a convolution with unit weights w^) and m = 1 / ||x|| for every patch x, a
// layer gives v = u |u| m. An uncentered norm after it gives y = s v, s = w r with r = 1 / sqrt(var(v) +
// eps). The vjp (the linear map from the gradient at the output to that at the input) that explanations use
// takes |u| m and s as constants, but they stay in the graph.
//
// Shapes: u, v, y (N, C, H, W); m (N, 1, H, W); s, w, r (C). Each operation is also written as a plain
// expression of libtorch (plain_...). This is used for tensors that are not contiguous on a CPU, and for
// derivatives that are differentiated again.

#pragma once

#include "rows.h"

namespace {

// The operations as plain expressions of libtorch.
Tensor plain_unit_rows(const Tensor& w) {
  std::vector<int64_t> dims;
  for (int64_t d = 1; d < w.dim(); ++d) dims.push_back(d);
  return w / infinite_to_nan(w.square().sum(dims, true)).sqrt();
}

variable_list plain_conv_and_squares(const Tensor& x, const Tensor& w, int64_t stride,
                                     int64_t padding, bool is_bf16 = false) {
  const auto kind = is_bf16 && x.scalar_type() == at::kFloat ? at::kBFloat16 : x.scalar_type();
  const Tensor u = at::conv2d(x.to(kind), w.to(kind), {}, stride, padding);
  return {u.to(x.scalar_type()), x.square().sum(1, true)};
}

Tensor plain_scale(const Tensor& u, const Tensor& m, const Tensor& s) {
  const Tensor v = u * u.abs() * m;
  return v * per_channel(s, v);
}

variable_list plain_norm(const Tensor& u, const Tensor& m, const Tensor& w, double eps) {
  const Tensor v = u * u.abs() * m, var = v.var({0, 2, 3}, false);
  const Tensor s = w * infinite_to_nan(var + eps).rsqrt();
  return {v * per_channel(s, v), s, var.detach()};
}

Tensor plain_vjp(const Tensor& g, const Tensor& u, const Tensor& m, const Tensor& s) {
  const Tensor d = g * (u.abs() * m);
  return d * per_channel(s, d);
}

// ---------------------------------------------------------------------------------------------
// w^: rows of weights (O, ...) over their norms. For a gradient g: (g - w^ <g, w^>) / ||w||.
// ---------------------------------------------------------------------------------------------
struct UnitRows : Function<UnitRows> {
  static Tensor forward(AutogradContext* ctx, const Tensor& w) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    Tensor unit = at::empty_like(w), norms = at::empty({w.size(0)}, w.options());
    const int64_t length = w.numel() / w.size(0);
    for_type(w, [&](auto zero) {
      using scalar_t = decltype(zero);
      const scalar_t* from = w.const_data_ptr<scalar_t>();
      scalar_t *to = unit.mutable_data_ptr<scalar_t>(), *norm = norms.mutable_data_ptr<scalar_t>();
      at::parallel_for(0, w.size(0), 8, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const scalar_t* w_row = from + row * length;
          scalar_t* unit_row = to + row * length;
          scalar_t sum = 0;
#pragma omp simd reduction(+ : sum)
          for (int64_t i = 0; i < length; ++i) sum += w_row[i] * w_row[i];
          // 0 * sum makes NaN of a sum that overflows; dividing by infinity would give a row of zeros.
          const scalar_t scale = 1 / (norm[row] = std::sqrt(sum + 0 * sum));
#pragma omp simd
          for (int64_t i = 0; i < length; ++i) unit_row[i] = w_row[i] * scale;
        }
      });
    });
    ctx->save_for_backward({w, unit, norms});
    return unit;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &w = saved[0], &unit = saved[1], &norms = saved[2];
    if (is_again()) return derivative({plain_unit_rows(w)}, {w}, grads);
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor g = grads[0].contiguous();
    Tensor at_w = at::empty_like(g);
    const int64_t length = g.numel() / g.size(0);
    for_type(g, [&](auto zero) {
      using scalar_t = decltype(zero);
      const scalar_t *pg = g.const_data_ptr<scalar_t>(), *pu = unit.const_data_ptr<scalar_t>();
      const scalar_t* norm = norms.const_data_ptr<scalar_t>();
      scalar_t* to = at_w.mutable_data_ptr<scalar_t>();
      at::parallel_for(0, g.size(0), 8, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const int64_t at = row * length;
          scalar_t along = 0;
#pragma omp simd reduction(+ : along)
          for (int64_t i = at; i < at + length; ++i) along += pg[i] * pu[i];
          const scalar_t scale = 1 / norm[row];
#pragma omp simd
          for (int64_t i = at; i < at + length; ++i) to[i] = (pg[i] - pu[i] * along) * scale;
        }
      });
    });
    return {at_w};
  }
};

Tensor unit_rows(const Tensor& w) {
  return rows_on_cpu(w) ? UnitRows::apply(w) : plain_unit_rows(w);
}

// ---------------------------------------------------------------------------------------------
// u = w^ * x and the squares of x summed over channels (N, 1, H, W). They are one operation, so that its
// derivative adds both gradients at x in one tensor.
// ---------------------------------------------------------------------------------------------
struct ConvAndSquares : Function<ConvAndSquares> {
  static variable_list forward(AutogradContext* ctx, const Tensor& x, const Tensor& w,
                               int64_t stride, int64_t padding) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["padding"] = padding;
    ctx->save_for_backward({x, w});
    Tensor squares = at::zeros({x.size(0), 1, x.size(2), x.size(3)}, x.options());
    for_type(x, [&](auto zero) {
      using scalar_t = decltype(zero);
      const scalar_t* px = x.const_data_ptr<scalar_t>();
      scalar_t* sums = squares.mutable_data_ptr<scalar_t>();
      by_strips(x, [&](const Strip& s) {
#pragma omp simd
        for (int64_t i = 0; i < s.length; ++i)
          sums[s.pixel + i] += px[s.at + i] * px[s.at + i];
      });
    });
    return {at::conv2d(x, w, {}, stride, padding), squares};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1];
    const int64_t stride = ctx->saved_data["stride"].toInt();
    const int64_t padding = ctx->saved_data["padding"].toInt();
    if (is_again()) {
      variable_list at =
          derivative(plain_conv_and_squares(x, w, stride, padding), {x, w}, grads);
      at.resize(4);
      return at;
    }
    const at::AutoDispatchBelowADInplaceOrView guard;
    const bool needs_x = ctx->needs_input_grad(0);
    Tensor at_x, at_w;
    if (grads[0].defined()) {
      std::tie(at_x, at_w, std::ignore) = at::convolution_backward(
          grads[0], x, w, {}, {stride, stride}, {padding, padding}, {1, 1}, false, {0, 0}, 1,
          {needs_x, ctx->needs_input_grad(1), false});
    }
    if (needs_x && grads[1].defined()) {
      const Tensor g = grads[1].contiguous();
      at_x = at_x.defined() ? at_x.contiguous() : at::zeros_like(x);
      for_type(x, [&](auto zero) {
        using scalar_t = decltype(zero);
        const scalar_t *px = x.const_data_ptr<scalar_t>(), *pg = g.const_data_ptr<scalar_t>();
        scalar_t* to = at_x.mutable_data_ptr<scalar_t>();
        by_strips(x, [&](const Strip& s) {
#pragma omp simd
          for (int64_t i = 0; i < s.length; ++i)
            to[s.at + i] += 2 * px[s.at + i] * pg[s.pixel + i];
        });
      });
    }
    return {at_x, at_w, Tensor(), Tensor()};
  }
};

variable_list conv_and_squares(const Tensor& x, const Tensor& w, int64_t stride, int64_t padding,
                               bool is_bf16) {
  return rows_on_cpu(x) && !is_bf16 ? ConvAndSquares::apply(x, w, stride, padding)
                                    : plain_conv_and_squares(x, w, stride, padding, is_bf16);
}

// ---------------------------------------------------------------------------------------------
// y = s v. For a gradient dv at v:
//   at u: 2 |u| m dv      at m: sum over channels of u |u| dv
// ---------------------------------------------------------------------------------------------
Tensor scaled(const Tensor& u, const Tensor& m, const Tensor& s) {
  Tensor out = at::empty_like(u);
  for_type(u, [&](auto zero) {
    using scalar_t = decltype(zero);
    const scalar_t *pu = u.const_data_ptr<scalar_t>(), *pm = m.const_data_ptr<scalar_t>();
    const scalar_t* ps = s.const_data_ptr<scalar_t>();
    scalar_t* po = out.mutable_data_ptr<scalar_t>();
    by_strips(u, [&](const Strip& strip) {
      const scalar_t scale = ps[strip.channel];
      const scalar_t *u_i = pu + strip.at, *m_i = pm + strip.pixel;
      scalar_t* o_i = po + strip.at;
#pragma omp simd
      for (int64_t i = 0; i < strip.length; ++i)
        o_i[i] = scale * u_i[i] * std::abs(u_i[i]) * m_i[i];
    });
  });
  return out;
}

// sum of g v for each channel (C), in double.
Tensor along_channels(const Tensor& g, const Tensor& u, const Tensor& m) {
  Tensor sums = strip_sums(u);
  for_type(u, [&](auto zero) {
    using scalar_t = decltype(zero);
    const scalar_t *pg = g.const_data_ptr<scalar_t>(), *pu = u.const_data_ptr<scalar_t>();
    const scalar_t* pm = m.const_data_ptr<scalar_t>();
    double* to = sums.mutable_data_ptr<double>();
    by_strips(u, [&](const Strip& strip) {
      const scalar_t *g_i = pg + strip.at, *u_i = pu + strip.at, *m_i = pm + strip.pixel;
      scalar_t sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = 0; i < strip.length; ++i) sum += g_i[i] * u_i[i] * std::abs(u_i[i]) * m_i[i];
      to[strip.index * u.size(1) + strip.channel] = sum;
    });
  });
  return sums.sum(0);
}

// The gradients at u and m for dv = s g + slope v + shift; slope and shift (C) in double, or undefined.
std::pair<Tensor, Tensor> scaled_backward(const Tensor& g, const Tensor& u, const Tensor& m,
                                          const Tensor& s, const Tensor& slope,
                                          const Tensor& shift) {
  Tensor at_u = at::empty_like(u), at_m = at::zeros_like(m);
  for_type(u, [&](auto zero) {
    using scalar_t = decltype(zero);
    const scalar_t *pg = g.const_data_ptr<scalar_t>(), *pu = u.const_data_ptr<scalar_t>();
    const scalar_t *pm = m.const_data_ptr<scalar_t>(), *ps = s.const_data_ptr<scalar_t>();
    scalar_t *to_u = at_u.mutable_data_ptr<scalar_t>(), *to_m = at_m.mutable_data_ptr<scalar_t>();
    by_strips(u, [&](const Strip& strip) {
      const scalar_t scale = ps[strip.channel];
      const scalar_t a = slope.defined() ? slope.const_data_ptr<double>()[strip.channel] : 0;
      const scalar_t b = shift.defined() ? shift.const_data_ptr<double>()[strip.channel] : 0;
      const scalar_t *g_i = pg + strip.at, *u_i = pu + strip.at, *m_i = pm + strip.pixel;
      scalar_t *tu = to_u + strip.at, *tm = to_m + strip.pixel;
#pragma omp simd
      for (int64_t i = 0; i < strip.length; ++i) {
        const scalar_t size = std::abs(u_i[i]), square = u_i[i] * size;
        const scalar_t at_v = scale * g_i[i] + a * square * m_i[i] + b;
        tu[i] = 2 * size * m_i[i] * at_v;
        tm[i] += square * at_v;
      }
    });
  });
  return {at_u, at_m};
}

struct BcosScale : Function<BcosScale> {
  static Tensor forward(AutogradContext* ctx, const Tensor& u, const Tensor& m, const Tensor& s) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    ctx->save_for_backward({u, m, s});
    return scaled(u, m, s);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &u = saved[0], &m = saved[1], &s = saved[2];
    if (is_again()) return derivative({plain_scale(u, m, s)}, {u, m, s}, grads);
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor g = grads[0].contiguous();
    const auto [at_u, at_m] = scaled_backward(g, u, m, s, Tensor(), Tensor());
    return {at_u, at_m, along_channels(g, u, m).to(s.scalar_type())};
  }
};

Tensor bcos_scale(const Tensor& u, const Tensor& m, const Tensor& s) {
  return rows_on_cpu(u) && rows_on_cpu(m) ? BcosScale::apply(u, m, s) : plain_scale(u, m, s);
}

// ---------------------------------------------------------------------------------------------
// y = s v with s computed from the batch's variance: gives y, s and var (C). With S = (gradient at s) +
// sum of g v, where g is the gradient at y:
//   at w: r S      at v: s g - w r^3 S (v - mean) / count
// ---------------------------------------------------------------------------------------------
// The mean and the variance of v for each channel (C), in double.
std::pair<Tensor, Tensor> moments(const Tensor& u, const Tensor& m) {
  const int64_t channels = u.size(1);
  Tensor sums = strip_sums(u), squares = strip_sums(u);
  Tensor mean = at::empty({channels}, sums.options()), var = at::empty_like(mean);
  double *sum = sums.mutable_data_ptr<double>(), *square = squares.mutable_data_ptr<double>();
  for_type(u, [&](auto zero) {
    using scalar_t = decltype(zero);
    const scalar_t *pu = u.const_data_ptr<scalar_t>(), *pm = m.const_data_ptr<scalar_t>();
    by_strips(u, [&](const Strip& strip) {
      const scalar_t *u_i = pu + strip.at, *m_i = pm + strip.pixel;
      scalar_t total = 0, squared = 0;
#pragma omp simd reduction(+ : total)
      for (int64_t i = 0; i < strip.length; ++i) total += u_i[i] * std::abs(u_i[i]) * m_i[i];
      // Squares of the distances to the strip's own mean, as the difference of large sums would be inexact.
      const scalar_t centre = total / strip.length;
#pragma omp simd reduction(+ : squared)
      for (int64_t i = 0; i < strip.length; ++i) {
        const scalar_t d = u_i[i] * std::abs(u_i[i]) * m_i[i] - centre;
        squared += d * d;
      }
      sum[strip.index * channels + strip.channel] = total;
      square[strip.index * channels + strip.channel] = squared;
    });
  });
  const double count = static_cast<double>(u.numel() / channels);
  for (int64_t c = 0; c < channels; ++c) {
    double total = 0, spread = 0;
    for (int64_t k = 0; k < sums.size(0); ++k) total += sum[k * channels + c];
    const double centre = total / count;
    for (int64_t k = 0; k < sums.size(0); ++k) {
      const double length = strip_length(u, k), off = sum[k * channels + c] / length - centre;
      spread += square[k * channels + c] + length * off * off;
    }
    mean.mutable_data_ptr<double>()[c] = centre;
    var.mutable_data_ptr<double>()[c] = spread / count;
  }
  return {mean, var};
}

struct BcosNorm : Function<BcosNorm> {
  static variable_list forward(AutogradContext* ctx, const Tensor& u, const Tensor& m,
                               const Tensor& w, double eps) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    const auto [mean, var] = moments(u, m);
    const Tensor r = (var + eps).rsqrt(), s = (w * r).to(u.scalar_type());
    const Tensor batch_var = var.to(u.scalar_type());
    ctx->saved_data["eps"] = eps;
    ctx->mark_non_differentiable({batch_var});
    ctx->save_for_backward({u, m, s, w, mean, r});
    return {scaled(u, m, s), s, batch_var};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &u = saved[0], &m = saved[1], &s = saved[2], &w = saved[3];
    const Tensor &mean = saved[4], &r = saved[5];
    if (is_again()) {
      variable_list at =
          derivative(plain_norm(u, m, w, ctx->saved_data["eps"].toDouble()), {u, m, w}, grads);
      at.resize(4);
      return at;
    }
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor g = grads[0].defined() ? grads[0].contiguous() : at::zeros_like(u);
    Tensor at_s = along_channels(g, u, m);
    if (grads[1].defined()) at_s += grads[1];
    const double count = static_cast<double>(u.numel() / u.size(1));
    const Tensor slope = (w * r * r * r * at_s / -count).contiguous();
    const auto [at_u, at_m] = scaled_backward(g, u, m, s, slope, -slope * mean);
    return {at_u, at_m, (r * at_s).to(w.scalar_type()), Tensor()};
  }
};

variable_list bcos_norm(const Tensor& u, const Tensor& m, const Tensor& w, double eps) {
  return rows_on_cpu(u) && rows_on_cpu(m) ? BcosNorm::apply(u, m, w, eps)
                                          : plain_norm(u, m, w, eps);
}

// ---------------------------------------------------------------------------------------------
// The vjp with |u| m and s held fixed, d = g s |u| m; for a gradient h at d:
//   at g: h s |u| m    at u: h g s m sign(u)    at m: sum over channels of h g s |u|
//   at s: sum over images and pixels of h g |u| m
// ---------------------------------------------------------------------------------------------
struct BcosVjp : Function<BcosVjp> {
  static Tensor forward(AutogradContext* ctx, const Tensor& g_in, const Tensor& u, const Tensor& m,
                        const Tensor& s) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor g = g_in.contiguous();
    ctx->save_for_backward({g, u, m, s});
    Tensor out = at::empty_like(u);
    for_type(u, [&](auto zero) {
      using scalar_t = decltype(zero);
      const scalar_t *pg = g.const_data_ptr<scalar_t>(), *pu = u.const_data_ptr<scalar_t>();
      const scalar_t *pm = m.const_data_ptr<scalar_t>(), *ps = s.const_data_ptr<scalar_t>();
      scalar_t* po = out.mutable_data_ptr<scalar_t>();
      by_strips(u, [&](const Strip& strip) {
        const scalar_t scale = ps[strip.channel];
        const scalar_t *g_i = pg + strip.at, *u_i = pu + strip.at, *m_i = pm + strip.pixel;
        scalar_t* o_i = po + strip.at;
#pragma omp simd
        for (int64_t i = 0; i < strip.length; ++i)
          o_i[i] = scale * g_i[i] * std::abs(u_i[i]) * m_i[i];
      });
    });
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &g = saved[0], &u = saved[1], &m = saved[2], &s = saved[3];
    if (is_again()) return derivative({plain_vjp(g, u, m, s)}, {g, u, m, s}, grads);
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor h = grads[0].contiguous();
    Tensor at_g = at::empty_like(g), at_u = at::empty_like(u), at_m = at::zeros_like(m);
    Tensor sums = strip_sums(u);
    for_type(u, [&](auto zero) {
      using scalar_t = decltype(zero);
      const scalar_t *ph = h.const_data_ptr<scalar_t>(), *pg = g.const_data_ptr<scalar_t>();
      const scalar_t *pu = u.const_data_ptr<scalar_t>(), *pm = m.const_data_ptr<scalar_t>();
      const scalar_t* ps = s.const_data_ptr<scalar_t>();
      scalar_t *to_g = at_g.mutable_data_ptr<scalar_t>(), *to_u = at_u.mutable_data_ptr<scalar_t>();
      scalar_t* to_m = at_m.mutable_data_ptr<scalar_t>();
      double* to_s = sums.mutable_data_ptr<double>();
      by_strips(u, [&](const Strip& strip) {
        const scalar_t scale = ps[strip.channel];
        const scalar_t *h_i = ph + strip.at, *g_i = pg + strip.at, *u_i = pu + strip.at;
        const scalar_t* m_i = pm + strip.pixel;
        scalar_t *tg = to_g + strip.at, *tu = to_u + strip.at, *tm = to_m + strip.pixel;
        scalar_t sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t i = 0; i < strip.length; ++i) {
          const scalar_t size = std::abs(u_i[i]), both = h_i[i] * g_i[i];
          const scalar_t sign = (u_i[i] > 0) - (u_i[i] < 0);
          tg[i] = scale * h_i[i] * size * m_i[i];
          tu[i] = scale * both * m_i[i] * sign;
          tm[i] += scale * both * size;
          sum += both * size * m_i[i];
        }
        to_s[strip.index * u.size(1) + strip.channel] = sum;
      });
    });
    return {at_g, at_u, at_m, sums.sum(0).to(s.scalar_type())};
  }
};

Tensor bcos_vjp(const Tensor& g, const Tensor& u, const Tensor& m, const Tensor& s) {
  return rows_on_cpu(u) && rows_on_cpu(m) ? BcosVjp::apply(g, u, m, s) : plain_vjp(g, u, m, s);
}

}  // namespace

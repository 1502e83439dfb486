// The operations of B-cosified networks (docs/SPEC.md D), each in one or two passes over memory and with
// its derivative.
//
// A layer of a network that is on its way from an ordinary to a B-cos network gives y = u q with u = w * x,
// the ordinary convolution, and the scale
//
//   q = (c + e)^p,   c = |u| m r = |cos(x, w)|,   m = 1 / ||x|| for every patch x, r = 1 / ||w||,
//
// p = B - 1 from 0 (q is 1) to 1 (q is |cos|), in eighths, so that the power is a product of square roots.
// e = SMOOTHING (1 - p) keeps the derivative of the power finite at 0; it is 0 where p is 1.
//
// The norm after it gives y = s x + k (b - s mean) with s = w / sqrt(var + eps): an ordinary batch norm with
// the batch's statistics for k = 1, a B-cos norm for k = 0.
//
// Explanations take q and s as constants, but they stay in the graph.
//
// Shapes: x, u, y (N, C, H, W); m (N, G, H, W) for G groups of the convolution; r, w, b, s, mean, var (C).

#pragma once

#include "rows.h"

namespace {

constexpr int64_t EIGHTHS = 8;
constexpr double SMOOTHING = 0.01;

// p and e for a power of N eighths; c + e is given.
template <int64_t N>
struct Power {
  static constexpr double exponent = static_cast<double>(N) / EIGHTHS;
  static constexpr double smoothing = SMOOTHING * (1 - exponent);

  // (c + e)^p by square roots.
  template <typename T>
  static T of(T base) {
    if constexpr (N == EIGHTHS) return base;
    T q = 1;
    const T half = std::sqrt(base);
    if constexpr ((N & 4) != 0) q *= half;
    if constexpr ((N & 3) != 0) {
      const T quarter = std::sqrt(half);
      if constexpr ((N & 2) != 0) q *= quarter;
      if constexpr ((N & 1) != 0) q *= std::sqrt(quarter);
    }
    return q;
  }

  // p (c + e)^(p - 1), the derivative of the power q.
  template <typename T>
  static T slope(T base, T q) {
    if constexpr (N == EIGHTHS) return 1;
    return N == 0 ? T(0) : T(exponent) * q / base;
  }
};

// Calls body(Power<eighths>).
template <int64_t N = EIGHTHS, typename Body>
void for_power(int64_t eighths, const Body& body) {
  if (eighths == N) return body(Power<N>{});
  if constexpr (N > 0) return for_power<N - 1>(eighths, body);
  TORCH_CHECK(false, "a power of ", eighths, " eighths");
}

double exponent_of(int64_t eighths) { return static_cast<double>(eighths) / EIGHTHS; }

Tensor plain_power(const Tensor& u, const Tensor& m, const Tensor& r, int64_t eighths) {
  const auto groups = m.size(1);
  const Tensor wide = groups == 1 ? m : m.repeat_interleave(u.size(1) / groups, 1);
  const Tensor c = u.abs() * wide * per_channel(r, u);
  const double p = exponent_of(eighths);
  return (c + SMOOTHING * (1 - p)).pow(p);
}

// The elements of a strip: base(i) is c + e.
template <typename T>
struct StripOf {
  const T *u, *m;
  T r, e;
  T base(int64_t i) const { return std::abs(u[i]) * m[i] * r + e; }
};

// The strip of `m` (N, G, ...) that belongs to a strip of `u` (N, C, ...).
int64_t group_at(const Strip& s, const Tensor& u, const Tensor& m) {
  const int64_t channels = u.size(1), groups = m.size(1), pixels = pixels_of(u);
  const int64_t image = s.at / (channels * pixels), first = s.pixel - image * pixels;
  return (image * groups + s.channel / (channels / groups)) * pixels + first;
}

// ---------------------------------------------------------------------------------------------
// y = g q for the layer itself (g = u) and its vjp (g the gradient at the output). For a gradient h at y:
//   at g: h q     at c: h g p (c + e)^(p - 1) = d
//   at u: d m r sign(u)    at m: sum over the group's channels of d |u| r    at r: sum of d |u| m
// For the layer itself the gradient at u is the sum of those at g and u.
// ---------------------------------------------------------------------------------------------
Tensor powered(const Tensor& g, const Tensor& u, const Tensor& m, const Tensor& r,
               int64_t eighths) {
  Tensor out = at::empty_like(u);
  for_type(u, [&](auto zero) {
    using scalar_t = decltype(zero);
    const scalar_t *pg = g.const_data_ptr<scalar_t>(), *pu = u.const_data_ptr<scalar_t>();
    const scalar_t *pm = m.const_data_ptr<scalar_t>(), *pr = r.const_data_ptr<scalar_t>();
    scalar_t* po = out.mutable_data_ptr<scalar_t>();
    for_power(eighths, [&](auto power) {
      by_strips(u, [&](const Strip& s) {
        const StripOf<scalar_t> of{pu + s.at, pm + group_at(s, u, m), pr[s.channel],
                                   static_cast<scalar_t>(power.smoothing)};
        const scalar_t* g_i = pg + s.at;
        scalar_t* o_i = po + s.at;
#pragma omp simd
        for (int64_t i = 0; i < s.length; ++i) o_i[i] = g_i[i] * power.of(of.base(i));
      });
    });
  });
  return out;
}

struct PowerGradients {
  Tensor g, u, m, r;
};

// The gradients for `h` at y; where `is_own`, g is u, and the gradient at u is the sum.
PowerGradients powered_backward(const Tensor& h, const Tensor& g, const Tensor& u, const Tensor& m,
                                const Tensor& r, int64_t eighths, bool is_own) {
  Tensor at_g = is_own ? Tensor() : at::empty_like(g);
  Tensor at_u = at::empty_like(u), at_m = at::zeros_like(m), sums = strip_sums(u);
  for_type(u, [&](auto zero) {
    using scalar_t = decltype(zero);
    const scalar_t *ph = h.const_data_ptr<scalar_t>(), *pg = g.const_data_ptr<scalar_t>();
    const scalar_t *pu = u.const_data_ptr<scalar_t>(), *pm = m.const_data_ptr<scalar_t>();
    const scalar_t* pr = r.const_data_ptr<scalar_t>();
    scalar_t* to_g = is_own ? nullptr : at_g.mutable_data_ptr<scalar_t>();
    scalar_t *to_u = at_u.mutable_data_ptr<scalar_t>(), *to_m = at_m.mutable_data_ptr<scalar_t>();
    double* to_r = sums.mutable_data_ptr<double>();
    for_power(eighths, [&](auto power) {
      by_strips(u, [&](const Strip& s) {
        const int64_t group = group_at(s, u, m);
        const scalar_t scale = pr[s.channel], e = static_cast<scalar_t>(power.smoothing);
        const StripOf<scalar_t> of{pu + s.at, pm + group, scale, e};
        const scalar_t *h_i = ph + s.at, *g_i = pg + s.at, *u_i = of.u, *m_i = of.m;
        scalar_t *tu = to_u + s.at, *tm = to_m + group;
        scalar_t sum = 0;
        if (is_own) {
#pragma omp simd reduction(+ : sum)
          for (int64_t i = 0; i < s.length; ++i) {
            const scalar_t base = of.base(i), q = power.of(base), size = std::abs(u_i[i]);
            const scalar_t d = h_i[i] * u_i[i] * power.slope(base, q);
            // d sign(u) = h |u| slope
            tu[i] = h_i[i] * (q + (base - e) * power.slope(base, q));
            tm[i] += d * size * scale;
            sum += d * size * m_i[i];
          }
        } else {
          scalar_t* tg = to_g + s.at;
#pragma omp simd reduction(+ : sum)
          for (int64_t i = 0; i < s.length; ++i) {
            const scalar_t base = of.base(i), q = power.of(base), size = std::abs(u_i[i]);
            const scalar_t sign = (u_i[i] > 0) - (u_i[i] < 0);
            const scalar_t d = h_i[i] * g_i[i] * power.slope(base, q);
            tg[i] = h_i[i] * q;
            tu[i] = d * m_i[i] * scale * sign;
            tm[i] += d * size * scale;
            sum += d * size * m_i[i];
          }
        }
        to_r[s.index * u.size(1) + s.channel] = sum;
      });
    });
  });
  return {at_g, at_u, at_m, sums.sum(0).to(r.scalar_type())};
}

struct PowerScale : Function<PowerScale> {
  static Tensor forward(AutogradContext* ctx, const Tensor& u, const Tensor& m, const Tensor& r,
                        int64_t eighths) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    ctx->saved_data["eighths"] = eighths;
    ctx->save_for_backward({u, m, r});
    return powered(u, u, m, r, eighths);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &u = saved[0], &m = saved[1], &r = saved[2];
    const int64_t eighths = ctx->saved_data["eighths"].toInt();
    if (is_again()) {
      variable_list at = derivative({u * plain_power(u, m, r, eighths)}, {u, m, r}, grads);
      at.resize(4);
      return at;
    }
    const at::AutoDispatchBelowADInplaceOrView guard;
    const auto at = powered_backward(grads[0].contiguous(), u, u, m, r, eighths, true);
    return {at.u, at.m, at.r, Tensor()};
  }
};

struct PowerVjp : Function<PowerVjp> {
  static Tensor forward(AutogradContext* ctx, const Tensor& g_in, const Tensor& u, const Tensor& m,
                        const Tensor& r, int64_t eighths) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor g = g_in.contiguous();
    ctx->saved_data["eighths"] = eighths;
    ctx->save_for_backward({g, u, m, r});
    return powered(g, u, m, r, eighths);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &g = saved[0], &u = saved[1], &m = saved[2], &r = saved[3];
    const int64_t eighths = ctx->saved_data["eighths"].toInt();
    if (is_again()) {
      variable_list at = derivative({g * plain_power(u, m, r, eighths)}, {g, u, m, r}, grads);
      at.resize(5);
      return at;
    }
    const at::AutoDispatchBelowADInplaceOrView guard;
    const auto at = powered_backward(grads[0].contiguous(), g, u, m, r, eighths, false);
    return {at.g, at.u, at.m, at.r, Tensor()};
  }
};

Tensor power_scale(const Tensor& u, const Tensor& m, const Tensor& r, int64_t eighths) {
  return rows_on_cpu(u) && rows_on_cpu(m) ? PowerScale::apply(u, m, r, eighths)
                                          : u * plain_power(u, m, r, eighths);
}

Tensor power_vjp(const Tensor& g, const Tensor& u, const Tensor& m, const Tensor& r,
                 int64_t eighths) {
  return rows_on_cpu(u) && rows_on_cpu(m) ? PowerVjp::apply(g, u, m, r, eighths)
                                          : g * plain_power(u, m, r, eighths);
}

// ---------------------------------------------------------------------------------------------
// y = s x + k (b - s mean) with the batch's statistics: gives y, s, mean and var (C), of which the last two
// are constants. For gradients g at y and a at s, with S = a + sum of g x - k mean (sum of g):
//   at w: r S       at b: k (sum of g)
//   at x: s g - w r^3 S (x - mean) / count - k s (sum of g) / count
// ---------------------------------------------------------------------------------------------
variable_list plain_fading_norm(const Tensor& x, const Tensor& w, const Tensor& b, double kept,
                                double eps) {
  const Tensor mean = x.mean({0, 2, 3}), var = x.var({0, 2, 3}, false);
  const Tensor s = w * infinite_to_nan(var + eps).rsqrt();
  const Tensor y = x * per_channel(s, x) + per_channel((b - s * mean) * kept, x);
  return {y, s, mean.detach(), var.detach()};
}

struct FadingNorm : Function<FadingNorm> {
  static variable_list forward(AutogradContext* ctx, const Tensor& x, const Tensor& w,
                               const Tensor& b, double kept, double eps) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    const int64_t batch = x.size(0), channels = x.size(1), pixels = pixels_of(x);
    const double count = static_cast<double>(batch * pixels);
    Tensor y = at::empty_like(x), s = at::empty_like(w);
    Tensor mean = at::empty({channels}, x.options().dtype(at::kDouble)), r = at::empty_like(mean);
    Tensor mean_out = at::empty_like(w), var_out = at::empty_like(w);
    for_type(x, [&](auto zero) {
      using scalar_t = decltype(zero);
      const scalar_t *px = x.const_data_ptr<scalar_t>(), *pw = w.const_data_ptr<scalar_t>();
      const scalar_t* pb = b.const_data_ptr<scalar_t>();
      scalar_t *py = y.mutable_data_ptr<scalar_t>(), *ps = s.mutable_data_ptr<scalar_t>();
      scalar_t* p_mean = mean_out.mutable_data_ptr<scalar_t>();
      scalar_t* p_var = var_out.mutable_data_ptr<scalar_t>();
      double *to_mean = mean.mutable_data_ptr<double>(), *to_r = r.mutable_data_ptr<double>();
      at::parallel_for(0, channels, 1, [&](int64_t begin, int64_t end) {
        for (int64_t c = begin; c < end; ++c) {
          double sum = 0, squares = 0;
          for (int64_t n = 0; n < batch; ++n) {
            const scalar_t* row = px + (n * channels + c) * pixels;
            scalar_t part = 0;
#pragma omp simd reduction(+ : part)
            for (int64_t i = 0; i < pixels; ++i) part += row[i];
            sum += part;
          }
          const scalar_t centre = static_cast<scalar_t>(sum / count);
          double off = 0;  // of the sum of distances to the rounded mean, which is not quite 0
          for (int64_t n = 0; n < batch; ++n) {
            const scalar_t* row = px + (n * channels + c) * pixels;
            scalar_t part = 0, along = 0;
#pragma omp simd reduction(+ : part, along)
            for (int64_t i = 0; i < pixels; ++i) {
              const scalar_t d = row[i] - centre;
              part += d * d;
              along += d;
            }
            squares += part;
            off += along;
          }
          const double var = squares / count - (off / count) * (off / count);
          to_mean[c] = sum / count;
          to_r[c] = 1 / std::sqrt(var + eps + 0 * var);
          ps[c] = static_cast<scalar_t>(pw[c] * to_r[c]);
          p_mean[c] = static_cast<scalar_t>(to_mean[c]);
          p_var[c] = static_cast<scalar_t>(var);
          const scalar_t scale = ps[c];
          const scalar_t shift = static_cast<scalar_t>(kept * (pb[c] - pw[c] * to_r[c] * to_mean[c]));
          for (int64_t n = 0; n < batch; ++n) {
            const int64_t at = (n * channels + c) * pixels;
#pragma omp simd
            for (int64_t i = at; i < at + pixels; ++i) py[i] = scale * px[i] + shift;
          }
        }
      });
    });
    ctx->saved_data["kept"] = kept;
    ctx->saved_data["eps"] = eps;
    ctx->mark_non_differentiable({mean_out, var_out});
    ctx->save_for_backward({x, w, b, mean, r});
    return {y, s, mean_out, var_out};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1], &b = saved[2], &mean = saved[3], &r = saved[4];
    const double kept = ctx->saved_data["kept"].toDouble();
    if (is_again()) {
      const double eps = ctx->saved_data["eps"].toDouble();
      variable_list at = derivative(plain_fading_norm(x, w, b, kept, eps), {x, w, b}, grads);
      at.resize(5);
      return at;
    }
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Tensor g = grads[0].defined() ? grads[0].contiguous() : at::zeros_like(x);
    const Tensor a = grads[1].defined() ? grads[1].contiguous() : at::zeros_like(w);
    const int64_t batch = x.size(0), channels = x.size(1), pixels = pixels_of(x);
    const double count = static_cast<double>(batch * pixels);
    Tensor at_x = at::empty_like(x), at_w = at::empty_like(w), at_b = at::empty_like(w);
    for_type(x, [&](auto zero) {
      using scalar_t = decltype(zero);
      const scalar_t *px = x.const_data_ptr<scalar_t>(), *pg = g.const_data_ptr<scalar_t>();
      const scalar_t *pw = w.const_data_ptr<scalar_t>(), *pa = a.const_data_ptr<scalar_t>();
      const double *pm = mean.const_data_ptr<double>(), *pr = r.const_data_ptr<double>();
      scalar_t *to_x = at_x.mutable_data_ptr<scalar_t>(), *to_w = at_w.mutable_data_ptr<scalar_t>();
      scalar_t* to_b = at_b.mutable_data_ptr<scalar_t>();
      at::parallel_for(0, channels, 1, [&](int64_t begin, int64_t end) {
        for (int64_t c = begin; c < end; ++c) {
          const scalar_t centre = static_cast<scalar_t>(pm[c]);
          double sum_g = 0, sum_gd = 0;
          for (int64_t n = 0; n < batch; ++n) {
            const int64_t at = (n * channels + c) * pixels;
            scalar_t part = 0, along = 0;
#pragma omp simd reduction(+ : part, along)
            for (int64_t i = at; i < at + pixels; ++i) {
              part += pg[i];
              along += pg[i] * (px[i] - centre);
            }
            sum_g += part;
            sum_gd += along;
          }
          // The sum of g x, from that of g (x - centre).
          const double sum_gx = sum_gd + centre * sum_g;
          const double at_s = pa[c] + sum_gx - kept * pm[c] * sum_g;
          to_w[c] = static_cast<scalar_t>(pr[c] * at_s);
          to_b[c] = static_cast<scalar_t>(kept * sum_g);
          const double s = pw[c] * pr[c];
          const scalar_t scale = static_cast<scalar_t>(s);
          const scalar_t slope = static_cast<scalar_t>(-s * pr[c] * pr[c] * at_s / count);
          const scalar_t shift = static_cast<scalar_t>(-kept * s * sum_g / count);
          for (int64_t n = 0; n < batch; ++n) {
            const int64_t at = (n * channels + c) * pixels;
#pragma omp simd
            for (int64_t i = at; i < at + pixels; ++i)
              to_x[i] = scale * pg[i] + slope * (px[i] - centre) + shift;
          }
        }
      });
    });
    return {at_x, at_w, at_b, Tensor(), Tensor()};
  }
};

variable_list fading_norm(const Tensor& x, const Tensor& w, const Tensor& b, double kept,
                          double eps) {
  return rows_on_cpu(x) ? FadingNorm::apply(x, w, b, kept, eps)
                        : plain_fading_norm(x, w, b, kept, eps);
}

}  // namespace

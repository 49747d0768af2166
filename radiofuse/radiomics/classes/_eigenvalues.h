/* The largest eigenvalue of a small symmetric matrix. */
#ifndef RADIOFUSE_EIGENVALUES_H
#define RADIOFUSE_EIGENVALUES_H

#include <math.h>

#define RELATIVE_ROUNDING 2.220446049250313e-16

/* Householder: symmetric a (n, n), overwritten, to diagonal d and off-diagonal e (Golub and Van Loan 2013, 8.3.1). */
static inline void tridiagonalize(double *a, int n, double *d, double *e, double *v, double *w)
{
    for (int k = 0; k < n - 1; k++) {
        double below = 0, first = a[(k + 1) * n + k];
        for (int i = k + 2; i < n; i++)
            below += a[i * n + k] * a[i * n + k];
        e[k] = first;
        if (below < 1e-200)
            continue;
        e[k] = first > 0 ? -sqrt(first * first + below) : sqrt(first * first + below);
        v[k + 1] = first - e[k];
        for (int i = k + 2; i < n; i++)
            v[i] = a[i * n + k];
        double scale = 2 / (below + v[k + 1] * v[k + 1]), overlap = 0;
        for (int i = k + 1; i < n; i++) {
            w[i] = 0;
            for (int j = k + 1; j < n; j++)
                w[i] += a[i * n + j] * v[j];
            w[i] *= scale;
            overlap += w[i] * v[i];
        }
        for (int i = k + 1; i < n; i++)
            w[i] -= scale / 2 * overlap * v[i];
        for (int i = k + 1; i < n; i++)
            for (int j = k + 1; j < n; j++)
                a[i * n + j] -= v[i] * w[j] + w[i] * v[j];
    }
    for (int i = 0; i < n; i++)
        d[i] = a[i * n + i];
}

/* One implicit symmetric QR step with Wilkinson's shift on rows first to last (Golub and Van Loan 2013, 8.3.2). */
static inline void qr_step(double *d, double *e, int first, int last)
{
    double half = (d[last - 1] - d[last]) / 2, off = e[last - 1];
    double shift = d[last] - off * off / (half + (half >= 0 ? sqrt(half * half + off * off) : -sqrt(half * half + off * off)));
    double x = d[first] - shift, z = e[first];
    for (int k = first; k < last; k++) {
        double r = sqrt(x * x + z * z), scale = r > 0 ? 1 / r : 0, c = r > 0 ? x * scale : 1, s = z * scale;
        if (k > first)
            e[k - 1] = r;
        double above = d[k], below = d[k + 1], beside = e[k];
        d[k] = c * c * above + 2 * c * s * beside + s * s * below;
        d[k + 1] = s * s * above - 2 * c * s * beside + c * c * below;
        e[k] = c * s * (below - above) + (c * c - s * s) * beside;
        x = e[k];
        if (k + 1 < last) {
            z = s * e[k + 1];
            e[k + 1] *= c;
        }
    }
}

#define MAX_STEPS_PER_EIGENVALUE 60 /* two or three are usual */

/* Largest absolute eigenvalue of symmetric a (n, n), of norm 1 at most; a is overwritten. d, e, v, w: n each. */
static inline double spectral_radius(double *a, int n, double *d, double *e, double *v, double *w)
{
    if (n == 1)
        return fabs(a[0]);
    if (n == 2)
        return fabs(a[0] + a[3]) / 2 + sqrt((a[0] - a[3]) * (a[0] - a[3]) / 4 + a[1] * a[1]);
    tridiagonalize(a, n, d, e, v, w);
    int last = n - 1;
    for (int step = 0; last > 0 && step < MAX_STEPS_PER_EIGENVALUE * n; step++) {
        int first = last;
        while (first > 0 && fabs(e[first - 1]) > RELATIVE_ROUNDING * (1 + fabs(d[first]) + fabs(d[first - 1])))
            first--;
        if (first == last)
            last--;
        else
            qr_step(d, e, first, last);
    }
    double radius = 0;
    for (int k = 0; k < n; k++)
        radius = fmax(radius, fabs(d[k]));
    return radius;
}

#endif

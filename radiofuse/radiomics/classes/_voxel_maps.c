/* Voxel-wise features: for every voxel, the features of the small window round it.

   A window holds few distinct grey levels, so each texture matrix is made over these alone: level number r of a
   window ("rank") stands for levels[r]. Voxels that are outside the image or the region are absent: level 0.
   Sums run in the order in which NumPy sums pyradiomics' full matrices, of which the cells left out here are 0;
   this keeps equal what is decided by rounding, such as whether a variance is 0. */
#include "../../_arrays.h"
#include <math.h>
#include <stdlib.h>

#define EPSILON 2.220446049250313e-16 /* added by pyradiomics before every logarithm */
#define E 2.718281828459045
#define ABSENT (-1)

/* Arrays that every class reads. Each position of a window is an offset into the grid from the window's center. */
typedef struct {
    const int32_t *grid; /* grey levels, 1 to n_levels, 0 where absent */
    Py_ssize_t n_grid;
    const int64_t *centers, *positions;
    Py_ssize_t n_centers, n_positions;
    int32_t n_levels;
} Windows;

typedef struct {
    int32_t *ranks;  /* of each position, or ABSENT */
    int32_t *levels; /* distinct, ascending */
    int32_t *rank_of;
    int n_levels;
    int n_present;
} Window;

/* The number of distinct levels that a window can have. */
static size_t most_levels(const Windows *windows)
{
    return (size_t)(windows->n_positions < windows->n_levels ? windows->n_positions : windows->n_levels);
}

static int new_window(const Windows *windows, Window *window)
{
    size_t n = (size_t)windows->n_positions;
    window->ranks = malloc(n * sizeof(int32_t));
    window->levels = malloc(most_levels(windows) * sizeof(int32_t));
    window->rank_of = calloc((size_t)windows->n_levels + 1, sizeof(int32_t));
    return window->ranks && window->levels && window->rank_of;
}

static void free_window(Window *window)
{
    free(window->ranks);
    free(window->levels);
    free(window->rank_of);
}

static void insert_level(Window *window, int32_t level)
{
    int k = window->n_levels++;
    for (; k > 0 && window->levels[k - 1] > level; k--)
        window->levels[k] = window->levels[k - 1];
    window->levels[k] = level;
    window->rank_of[level] = 1;
}

static void read_window(const Windows *windows, Py_ssize_t center, Window *window)
{
    const int32_t *grid = windows->grid + windows->centers[center];
    window->n_levels = window->n_present = 0;
    for (Py_ssize_t k = 0; k < windows->n_positions; k++) {
        int32_t level = grid[windows->positions[k]];
        window->ranks[k] = level;
        window->n_present += level > 0;
        if (level > 0 && !window->rank_of[level])
            insert_level(window, level);
    }
    for (int r = 0; r < window->n_levels; r++)
        window->rank_of[window->levels[r]] = r;
    for (Py_ssize_t k = 0; k < windows->n_positions; k++)
        window->ranks[k] = window->ranks[k] ? window->rank_of[window->ranks[k]] : ABSENT;
    for (int r = 0; r < window->n_levels; r++)
        window->rank_of[window->levels[r]] = 0;
}

/* ------------------------------------------------------------------ sums and logarithms as NumPy's */

/* Pairwise summation in NumPy's blocks (Higham 1993, SIAM J. Sci. Comput. 14:783). */
static double sum(const double *x, Py_ssize_t n)
{
    if (n < 8) {
        double total = 0;
        for (Py_ssize_t k = 0; k < n; k++)
            total += x[k];
        return total;
    }
    if (n <= 128) {
        double r[8];
        Py_ssize_t k = 8;
        memcpy(r, x, sizeof r);
        for (; k < n - n % 8; k += 8)
            for (int lane = 0; lane < 8; lane++)
                r[lane] += x[k + lane];
        double total = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        for (; k < n; k++)
            total += x[k];
        return total;
    }
    Py_ssize_t half = n / 2;
    half -= half % 8;
    return sum(x, half) + sum(x + half, n - half);
}

/* Mean of what is not NaN; x is overwritten. */
static double mean_of_known(double *x, Py_ssize_t n)
{
    Py_ssize_t n_known = n;
    for (Py_ssize_t k = 0; k < n; k++)
        if (isnan(x[k])) {
            x[k] = 0;
            n_known--;
        }
    return n_known ? sum(x, n) / (double)n_known : NAN;
}

/* Probabilities of small windows are a few fractions over and over: their logarithms are kept. */
#define LOG_BITS 10
typedef struct {
    double of[1 << LOG_BITS], value[1 << LOG_BITS];
} Logarithms;

/* p log2(p + epsilon) */
static double p_log_p(Logarithms *kept, double p, double weight)
{
    uint64_t bits;
    memcpy(&bits, &p, sizeof bits);
    size_t place = (size_t)((bits * 0x9E3779B97F4A7C15u) >> (64 - LOG_BITS));
    if (kept->of[place] != p) {
        kept->of[place] = p;
        kept->value[place] = log2(p + EPSILON);
    }
    return weight * kept->value[place];
}

static void write_features(const double *f, int n_features, Py_ssize_t voxel, Py_ssize_t n_voxels, double *out)
{
    for (int k = 0; k < n_features; k++)
        out[k * n_voxels + voxel] = f[k];
}

/* ------------------------------------------------------------------ first order */

enum {
    PERCENTILE_10, PERCENTILE_90, ENERGY, ENTROPY, INTERQUARTILE_RANGE, KURTOSIS, MAXIMUM, MEAN_ABSOLUTE_DEVIATION,
    MEAN, MEDIAN, MINIMUM, RANGE, ROBUST_MEAN_ABSOLUTE_DEVIATION, ROOT_MEAN_SQUARED, SKEWNESS, STANDARD_DEVIATION,
    TOTAL_ENERGY, UNIFORMITY, VARIANCE, N_FIRSTORDER
};

typedef struct {
    double *x;      /* intensities by position, NaN where absent */
    double *sorted; /* those present */
    double *terms;
    Py_ssize_t n_positions;
    int n;
} Intensities;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Linear interpolation between order statistics (Hyndman and Fan 1996, type 7). */
static double quantile(const Intensities *of, double q)
{
    double place = (of->n - 1) * q;
    int below = (int)floor(place), above = below + 1 < of->n ? below + 1 : below;
    double fraction = place - below, gap = of->sorted[above] - of->sorted[below];
    return fraction >= 0.5 ? of->sorted[above] - gap * (1 - fraction) : of->sorted[below] + gap * fraction;
}

static double median(const Intensities *of)
{
    return of->n % 2 ? of->sorted[of->n / 2] : (of->sorted[of->n / 2 - 1] + of->sorted[of->n / 2]) / 2;
}

static double mean_power(const Intensities *of, double mean, int power)
{
    for (Py_ssize_t k = 0; k < of->n_positions; k++) {
        double d = of->x[k] - mean;
        of->terms[k] = power == 1 ? fabs(d) : power == 2 ? d * d : power == 3 ? d * d * d : (d * d) * (d * d);
    }
    return mean_of_known(of->terms, of->n_positions);
}

static double mean_square(const Intensities *of, double shift)
{
    for (Py_ssize_t k = 0; k < of->n_positions; k++)
        of->terms[k] = (of->x[k] + shift) * (of->x[k] + shift);
    return mean_of_known(of->terms, of->n_positions);
}

static double mean_of(const Intensities *of)
{
    memcpy(of->terms, of->x, (size_t)of->n_positions * sizeof(double));
    return mean_of_known(of->terms, of->n_positions);
}

/* Mean absolute deviation of the intensities from the 10th to the 90th percentile; drops the others. */
static double robust_deviation(const Intensities *of, double low, double high)
{
    for (Py_ssize_t k = 0; k < of->n_positions; k++)
        if (of->x[k] - low < 0 || of->x[k] - high > 0)
            of->x[k] = NAN;
    return mean_power(of, mean_of(of), 1);
}

static void describe_intensities(const Intensities *of, double shift, double voxel_volume, double *f)
{
    double mean = mean_of(of), square = mean_square(of, shift);
    double m2 = mean_power(of, mean, 2), m3 = mean_power(of, mean, 3), m4 = mean_power(of, mean, 4);
    qsort(of->sorted, (size_t)of->n, sizeof(double), ascending);
    f[PERCENTILE_10] = quantile(of, 0.1);
    f[PERCENTILE_90] = quantile(of, 0.9);
    f[ENERGY] = square * of->n;
    f[INTERQUARTILE_RANGE] = quantile(of, 0.75) - quantile(of, 0.25);
    f[KURTOSIS] = m4 / (m2 == 0 ? 1 : m2 * m2);
    f[MAXIMUM] = of->sorted[of->n - 1];
    f[MEAN_ABSOLUTE_DEVIATION] = mean_power(of, mean, 1);
    f[MEAN] = mean;
    f[MEDIAN] = median(of);
    f[MINIMUM] = of->sorted[0];
    f[RANGE] = f[MAXIMUM] - f[MINIMUM];
    f[ROOT_MEAN_SQUARED] = sqrt(square);
    f[SKEWNESS] = m3 / (m2 == 0 ? 1 : pow(m2, 1.5));
    f[STANDARD_DEVIATION] = sqrt(m2);
    f[TOTAL_ENERGY] = f[ENERGY] * voxel_volume;
    f[VARIANCE] = m2;
    f[ROBUST_MEAN_ABSOLUTE_DEVIATION] = robust_deviation(of, f[PERCENTILE_10], f[PERCENTILE_90]);
}

static void describe_histogram(const Window *window, double *counts, Logarithms *kept, Py_ssize_t n_positions, double *f)
{
    double entropy = 0, uniformity = 0;
    memset(counts, 0, (size_t)window->n_levels * sizeof(double));
    for (Py_ssize_t k = 0; k < n_positions; k++)
        if (window->ranks[k] != ABSENT)
            counts[window->ranks[k]]++;
    for (int r = 0; r < window->n_levels; r++) {
        double p = counts[r] / window->n_present;
        entropy += p_log_p(kept, p, p);
        uniformity += p * p;
    }
    f[ENTROPY] = -entropy;
    f[UNIFORMITY] = uniformity;
}

static int map_firstorder(const Windows *windows, const double *values, double shift, double voxel_volume, double *out)
{
    size_t n = (size_t)windows->n_positions;
    Window window = {0};
    Logarithms *kept = calloc(1, sizeof *kept);
    Intensities of = {malloc(n * sizeof(double)), malloc(n * sizeof(double)), malloc(n * sizeof(double)),
                      windows->n_positions, 0};
    int done = new_window(windows, &window) && kept && of.x && of.sorted && of.terms;
    for (Py_ssize_t v = 0; done && v < windows->n_centers; v++) {
        double f[N_FIRSTORDER];
        read_window(windows, v, &window);
        of.n = 0;
        for (Py_ssize_t k = 0; k < windows->n_positions; k++) {
            of.x[k] = window.ranks[k] == ABSENT ? NAN : values[windows->centers[v] + windows->positions[k]];
            if (window.ranks[k] != ABSENT)
                of.sorted[of.n++] = of.x[k];
        }
        describe_intensities(&of, shift, voxel_volume, f);
        describe_histogram(&window, of.terms, kept, windows->n_positions, f);
        write_features(f, N_FIRSTORDER, v, windows->n_centers, out);
    }
    free_window(&window);
    free(kept);
    free(of.x);
    free(of.sorted);
    free(of.terms);
    return done;
}

/* ------------------------------------------------------------------ eigenvalues */

/* Householder: symmetric a (n, n), overwritten, to diagonal d and off-diagonal e (Golub and Van Loan 2013, 8.3.1). */
static void tridiagonalize(double *a, int n, double *d, double *e, double *v, double *w)
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
static void qr_step(double *d, double *e, int first, int last)
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
static double spectral_radius(double *a, int n, double *d, double *e, double *v, double *w)
{
    if (n == 1)
        return fabs(a[0]);
    if (n == 2)
        return fabs(a[0] + a[3]) / 2 + sqrt((a[0] - a[3]) * (a[0] - a[3]) / 4 + a[1] * a[1]);
    tridiagonalize(a, n, d, e, v, w);
    int last = n - 1;
    for (int step = 0; last > 0 && step < MAX_STEPS_PER_EIGENVALUE * n; step++) {
        int first = last;
        while (first > 0 && fabs(e[first - 1]) > EPSILON * (1 + fabs(d[first]) + fabs(d[first - 1])))
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

/* ------------------------------------------------------------------ grey level co-occurrence */

enum {
    AUTOCORRELATION, CLUSTER_PROMINENCE, CLUSTER_SHADE, CLUSTER_TENDENCY, CONTRAST, CORRELATION, DIFFERENCE_AVERAGE,
    DIFFERENCE_ENTROPY, DIFFERENCE_VARIANCE, ID, IDM, IDMN, IDN, IMC1, IMC2, INVERSE_VARIANCE, JOINT_AVERAGE,
    JOINT_ENERGY, JOINT_ENTROPY, MCC, MAXIMUM_PROBABILITY, SUM_AVERAGE, SUM_ENTROPY, SUM_SQUARES, N_GLCM
};

/* Pairs of positions, offset by offset: pairs of offset k are first[k] <= pair < first[k + 1]. */
typedef struct {
    const int32_t *positions; /* (n_pairs, 2): one, and its neighbor */
    const int64_t *first;
    Py_ssize_t n_offsets;
} Pairs;

typedef struct {
    const double *weights; /* of each offset, whose matrices are then added; NULL keeps the matrices apart */
    int symmetrical, wants_entropies, wants_mcc;
} CooccurrenceChoice;

/* One matrix, its cells that are not 0 row by row, and room to work. */
typedef struct {
    double *counts; /* (n_levels, n_levels) of a window; 0 between uses */
    int32_t *rows, *columns;
    double *p;
    int n_cells;
    double *px, *py;
    double ux, uy;
    double *sums, *differences; /* of level i + j - 2 lowest, of |i - j| */
    int n_sums, n_differences;
    double *square, *scratch; /* (n, n); 5 n */
    Logarithms kept;
} Cooccurrence;

static int new_cooccurrence(Cooccurrence *matrix, size_t n, size_t span)
{
    matrix->counts = calloc(n * n, sizeof(double));
    matrix->rows = malloc(n * n * sizeof(int32_t));
    matrix->columns = malloc(n * n * sizeof(int32_t));
    matrix->p = malloc(n * n * sizeof(double));
    matrix->px = malloc(n * sizeof(double));
    matrix->py = malloc(n * sizeof(double));
    matrix->sums = malloc((2 * span + 1) * sizeof(double));
    matrix->differences = malloc((span + 1) * sizeof(double));
    matrix->square = malloc(n * n * sizeof(double));
    matrix->scratch = malloc(5 * n * sizeof(double));
    return matrix->counts && matrix->rows && matrix->columns && matrix->p && matrix->px && matrix->py &&
           matrix->sums && matrix->differences && matrix->square && matrix->scratch;
}

static void free_cooccurrence(Cooccurrence *matrix)
{
    if (!matrix)
        return;
    void *arrays[] = {matrix->counts, matrix->rows,        matrix->columns, matrix->p,      matrix->px, matrix->py,
                      matrix->sums,   matrix->differences, matrix->square,  matrix->scratch};
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++)
        free(arrays[k]);
    free(matrix);
}

static void count_pairs(const Window *window, const Pairs *pairs, Py_ssize_t offset, double weight, int symmetrical,
                        double *counts)
{
    for (int64_t k = pairs->first[offset]; k < pairs->first[offset + 1]; k++) {
        int32_t i = window->ranks[pairs->positions[2 * k]], j = window->ranks[pairs->positions[2 * k + 1]];
        if (i == ABSENT || j == ABSENT)
            continue;
        counts[i * window->n_levels + j] += weight;
        if (symmetrical)
            counts[j * window->n_levels + i] += weight;
    }
}

/* Take the counts' cells, as probabilities, and leave 0; returns whether there are any. */
static int take_cells(const Window *window, Cooccurrence *matrix)
{
    double total = 0;
    int n = window->n_levels;
    matrix->n_cells = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double *count = matrix->counts + i * n + j;
            if (*count == 0)
                continue;
            matrix->rows[matrix->n_cells] = i;
            matrix->columns[matrix->n_cells] = j;
            matrix->p[matrix->n_cells++] = *count;
            total += *count;
            *count = 0;
        }
    for (int k = 0; k < matrix->n_cells; k++)
        matrix->p[k] /= total;
    return matrix->n_cells > 0;
}

static void sum_margins(const Window *window, Cooccurrence *matrix)
{
    int span = window->levels[window->n_levels - 1] - window->levels[0];
    memset(matrix->px, 0, (size_t)window->n_levels * sizeof(double));
    memset(matrix->py, 0, (size_t)window->n_levels * sizeof(double));
    memset(matrix->sums, 0, (size_t)(2 * span + 1) * sizeof(double));
    memset(matrix->differences, 0, (size_t)(span + 1) * sizeof(double));
    matrix->ux = matrix->uy = 0;
    matrix->n_sums = 2 * span + 1;
    matrix->n_differences = span + 1;
    for (int k = 0; k < matrix->n_cells; k++) {
        int i = window->levels[matrix->rows[k]], j = window->levels[matrix->columns[k]];
        double p = matrix->p[k];
        matrix->px[matrix->rows[k]] += p;
        matrix->py[matrix->columns[k]] += p;
        matrix->ux += i * p;
        matrix->uy += j * p;
        matrix->sums[i + j - 2 * window->levels[0]] += p;
        matrix->differences[i > j ? i - j : j - i] += p;
    }
}

static void describe_cells(const Window *window, const Cooccurrence *matrix, double *f)
{
    double sx = 0, sy = 0, covariance = 0, ux = matrix->ux, uy = matrix->uy;
    for (int k = 0; k < matrix->n_cells; k++) {
        double i = window->levels[matrix->rows[k]], j = window->levels[matrix->columns[k]], p = matrix->p[k];
        double d = i + j - ux - uy;
        f[AUTOCORRELATION] += p * (i * j);
        f[CLUSTER_PROMINENCE] += p * ((d * d) * (d * d));
        f[CLUSTER_SHADE] += p * (d * d * d);
        f[CLUSTER_TENDENCY] += p * (d * d);
        f[CONTRAST] += p * ((i - j) * (i - j));
        f[JOINT_ENERGY] += p * p;
        f[MAXIMUM_PROBABILITY] = fmax(f[MAXIMUM_PROBABILITY], p);
        sx += p * ((i - ux) * (i - ux));
        sy += p * ((j - uy) * (j - uy));
        covariance += p * (i - ux) * (j - uy);
    }
    double spread = sqrt(sx) * sqrt(sy);
    f[CORRELATION] = spread == 0 ? 1 : covariance / (spread + EPSILON);
    f[SUM_SQUARES] = sx;
    f[JOINT_AVERAGE] = ux;
}

static void describe_differences(Cooccurrence *matrix, int32_t n_levels, double *f)
{
    double ng = n_levels;
    for (int k = 0; k < matrix->n_differences; k++) {
        double p = matrix->differences[k];
        if (p == 0)
            continue;
        f[DIFFERENCE_AVERAGE] += k * p;
        f[DIFFERENCE_ENTROPY] -= p_log_p(&matrix->kept, p, p);
        f[ID] += p / (1 + k);
        f[IDM] += p / (1 + (double)k * k);
        f[IDMN] += p / (1 + (double)k * k / (ng * ng));
        f[IDN] += p / (1 + k / ng);
        if (k > 0)
            f[INVERSE_VARIANCE] += p / ((double)k * k);
    }
    for (int k = 0; k < matrix->n_differences; k++) {
        double d = k - f[DIFFERENCE_AVERAGE];
        f[DIFFERENCE_VARIANCE] += matrix->differences[k] * (d * d);
    }
}

static void describe_sums(Cooccurrence *matrix, int32_t lowest, double *f)
{
    for (int k = 0; k < matrix->n_sums; k++) {
        double p = matrix->sums[k];
        if (p == 0)
            continue;
        f[SUM_AVERAGE] += (k + 2 * lowest) * p;
        f[SUM_ENTROPY] -= p_log_p(&matrix->kept, p, p);
    }
}

/* Joint entropy and the two information measures of correlation (Haralick et al. 1973, f9, f12, f13). */
static void describe_information(const Window *window, Cooccurrence *matrix, double *f)
{
    double hxy = 0, hx = 0, hy = 0, hxy1 = 0, hxy2 = 0;
    Logarithms *kept = &matrix->kept;
    for (int k = 0; k < matrix->n_cells; k++) {
        hxy += p_log_p(kept, matrix->p[k], matrix->p[k]);
        hxy1 += p_log_p(kept, matrix->px[matrix->rows[k]] * matrix->py[matrix->columns[k]], matrix->p[k]);
    }
    for (int i = 0; i < window->n_levels; i++) {
        hx += p_log_p(kept, matrix->px[i], matrix->px[i]);
        hy += p_log_p(kept, matrix->py[i], matrix->py[i]);
        for (int j = 0; j < window->n_levels; j++) {
            double p = matrix->px[i] * matrix->py[j];
            if (p > 0)
                hxy2 += p_log_p(kept, p, p);
        }
    }
    hxy = -hxy, hx = -hx, hy = -hy, hxy1 = -hxy1, hxy2 = -hxy2;
    double larger = fmax(hx, hy);
    f[JOINT_ENTROPY] = hxy;
    f[IMC1] = larger == 0 ? 0 : (hxy - hxy1) / larger;
    f[IMC2] = hxy2 == hxy ? 0 : sqrt(1 - pow(E, -2 * (hxy2 - hxy))); /* NaN where rounding makes hxy2 the smaller */
}

/* Write the matrix P / sqrt(px py), over the levels that occur, to a (n, n) and sqrt(px) to v; return n. */
static int scale_by_margins(const Window *window, const Cooccurrence *matrix, double *a, double *v)
{
    int32_t *place = (int32_t *)(matrix->scratch + 4 * window->n_levels);
    int n = 0;
    for (int i = 0; i < window->n_levels; i++)
        if (matrix->px[i] > 0 || matrix->py[i] > 0) {
            v[n] = sqrt(matrix->px[i]);
            place[i] = n++;
        }
    memset(a, 0, (size_t)n * (size_t)n * sizeof(double));
    for (int k = 0; k < matrix->n_cells; k++) {
        int i = matrix->rows[k], j = matrix->columns[k];
        a[place[i] * n + place[j]] = matrix->p[k] / sqrt(matrix->px[i] * matrix->py[j]);
    }
    return n;
}

/* a := a times its transpose; b: room for (n, n). */
static void multiply_by_transpose(double *a, int n, double *b)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double product = 0;
            for (int k = 0; k < n; k++)
                product += a[i * n + k] * a[j * n + k];
            b[i * n + j] = product;
        }
    memcpy(a, b, (size_t)n * (size_t)n * sizeof(double));
}

/* The eigenvalue 1 of symmetric a (n, n) has the unit eigenvector v: turn v to the first axis by a reflection and
   cut off the first row and column. a is overwritten by (n - 1, n - 1). */
static void deflate(double *a, int n, const double *v, double *w)
{
    double scale = 1 / (1 + v[0]), overlap = 0; /* I - scale u u', u = v + (1, 0, ..., 0) */
    for (int i = 0; i < n; i++) {
        w[i] = scale * (v[i] + a[i * n]); /* a u, as a v = v */
        overlap += w[i] * (v[i] + (i == 0));
    }
    for (int i = 0; i < n; i++)
        w[i] -= scale / 2 * overlap * (v[i] + (i == 0));
    for (int i = 1; i < n; i++)
        for (int j = 1; j < n; j++)
            a[(i - 1) * (n - 1) + j - 1] = a[i * n + j] - v[i] * w[j] - w[i] * v[j];
}

#define ROUNDING 1e-14 /* squared singular values of matrices of small counts are 0 or far above */

/* Maximal correlation coefficient: the second singular value of P / sqrt(px py) (Haralick et al. 1973, f14). */
static double maximal_correlation(const Window *window, const Cooccurrence *matrix, int symmetrical)
{
    double *v = matrix->scratch, *a = matrix->square;
    int n = scale_by_margins(window, matrix, a, v);
    if (n < 2)
        return 0;
    if (!symmetrical) {
        multiply_by_transpose(a, n, matrix->counts);
        memset(matrix->counts, 0, (size_t)n * (size_t)n * sizeof(double));
    }
    deflate(a, n, v, v + n);
    double second = spectral_radius(a, n - 1, v, v + n, v + 2 * n, v + 3 * n);
    return symmetrical ? second : second < ROUNDING ? 0 : sqrt(second);
}

static void describe_cooccurrence(const Windows *windows, const Window *window, Cooccurrence *matrix,
                                  const CooccurrenceChoice *choice, double *f)
{
    if (!take_cells(window, matrix)) {
        for (int k = 0; k < N_GLCM; k++)
            f[k] = NAN;
        return;
    }
    memset(f, 0, N_GLCM * sizeof(double));
    sum_margins(window, matrix);
    describe_cells(window, matrix, f);
    describe_differences(matrix, windows->n_levels, f);
    describe_sums(matrix, window->levels[0], f);
    if (choice->wants_entropies)
        describe_information(window, matrix, f);
    if (choice->wants_mcc)
        f[MCC] = maximal_correlation(window, matrix, choice->symmetrical);
}

/* Whether any window has two voxels at this offset from each other. */
static int occurs(const Windows *windows, const Pairs *pairs, Py_ssize_t offset)
{
    for (Py_ssize_t v = 0; v < windows->n_centers; v++) {
        const int32_t *grid = windows->grid + windows->centers[v];
        for (int64_t k = pairs->first[offset]; k < pairs->first[offset + 1]; k++)
            if (grid[windows->positions[pairs->positions[2 * k]]] &&
                grid[windows->positions[pairs->positions[2 * k + 1]]])
                return 1;
    }
    return 0;
}

/* Means over the matrices, f: (n_matrices, N_GLCM); pyradiomics' joint average is unknown where one matrix is empty. */
static void average_matrices(const double *f, Py_ssize_t n_matrices, double *terms, double *out, Py_ssize_t stride)
{
    for (int feature = 0; feature < N_GLCM; feature++) {
        for (Py_ssize_t k = 0; k < n_matrices; k++)
            terms[k] = f[k * N_GLCM + feature];
        out[feature * stride] =
            feature == JOINT_AVERAGE ? sum(terms, n_matrices) / (double)n_matrices : mean_of_known(terms, n_matrices);
    }
}

static int map_glcm(const Windows *windows, const Pairs *pairs, const CooccurrenceChoice *choice, double *out)
{
    size_t n_matrices = choice->weights ? 1 : (size_t)pairs->n_offsets;
    size_t n = most_levels(windows);
    Window window = {0};
    Cooccurrence *matrix = calloc(1, sizeof *matrix);
    char *used = calloc((size_t)pairs->n_offsets + 1, 1);
    double *f = malloc((n_matrices + 1) * N_GLCM * sizeof(double)), *terms = malloc((n_matrices + 1) * sizeof(double));
    int done = new_window(windows, &window) && matrix && used && f && terms &&
               new_cooccurrence(matrix, n, (size_t)windows->n_levels);
    for (Py_ssize_t k = 0; done && k < pairs->n_offsets; k++)
        used[k] = (char)occurs(windows, pairs, k);
    for (Py_ssize_t v = 0; done && v < windows->n_centers; v++) {
        Py_ssize_t n_used = 0;
        read_window(windows, v, &window);
        for (Py_ssize_t k = 0; k < pairs->n_offsets; k++) {
            if (!used[k])
                continue;
            count_pairs(&window, pairs, k, choice->weights ? choice->weights[k] : 1, choice->symmetrical,
                        matrix->counts);
            if (!choice->weights)
                describe_cooccurrence(windows, &window, matrix, choice, f + N_GLCM * n_used++);
        }
        if (choice->weights)
            describe_cooccurrence(windows, &window, matrix, choice, f + N_GLCM * n_used++);
        average_matrices(f, n_used, terms, out + v, windows->n_centers);
    }
    free_window(&window);
    free_cooccurrence(matrix);
    free(used);
    free(f);
    free(terms);
    return done;
}

/* ------------------------------------------------------------------ matrices of level by size */

/* GLDM, GLRLM and GLSZM count a level and a size (number of dependent voxels, run length, zone size); their
   features are the same functions of the counts. */
enum {
    SMALL, LARGE, LEVEL_NON_UNIFORMITY, LEVEL_NON_UNIFORMITY_NORMALIZED, SIZE_NON_UNIFORMITY,
    SIZE_NON_UNIFORMITY_NORMALIZED, PERCENTAGE, LEVEL_VARIANCE, SIZE_VARIANCE, SIZE_ENTROPY, LOW_LEVEL, HIGH_LEVEL,
    SMALL_LOW, SMALL_HIGH, LARGE_LOW, LARGE_HIGH, N_SIZE
};

typedef struct {
    double *counts; /* (n_levels, n_sizes); 0 between uses */
    int32_t *cells; /* those that are not 0 */
    int n_cells;
    int n_sizes;
    double *per_level, *per_size;
    Logarithms kept;
} Sizes;

static int new_sizes(Sizes *sizes, size_t n_levels, size_t n_sizes)
{
    sizes->n_sizes = (int)n_sizes;
    sizes->counts = calloc(n_levels * n_sizes, sizeof(double));
    sizes->cells = malloc(n_levels * n_sizes * sizeof(int32_t));
    sizes->per_level = malloc(n_levels * sizeof(double));
    sizes->per_size = malloc(n_sizes * sizeof(double));
    return sizes->counts && sizes->cells && sizes->per_level && sizes->per_size;
}

static void free_sizes(Sizes *sizes)
{
    if (!sizes)
        return;
    free(sizes->counts);
    free(sizes->cells);
    free(sizes->per_level);
    free(sizes->per_size);
    free(sizes);
}

static void count_size(Sizes *sizes, int32_t rank, int size, double weight)
{
    int32_t cell = rank * sizes->n_sizes + size - 1;
    if (sizes->counts[cell] == 0)
        sizes->cells[sizes->n_cells++] = cell;
    sizes->counts[cell] += weight;
}

/* Sum of squares and variance of the distribution of n values, 1, 2, ... or levels, over counts that sum to total. */
static void spread(const double *counts, const int32_t *levels, int n, double total, double *squares, double *variance)
{
    double mean = 0;
    *squares = *variance = 0;
    for (int k = 0; k < n; k++) {
        *squares += counts[k] * counts[k];
        mean += counts[k] / total * (levels ? levels[k] : k + 1);
    }
    for (int k = 0; k < n; k++) {
        double d = (levels ? levels[k] : k + 1) - mean;
        *variance += counts[k] / total * (d * d);
    }
}

static void divide(double *f, double total, double n_voxels)
{
    for (int k = 0; k < N_SIZE; k++)
        f[k] /= total;
    f[PERCENTAGE] = total / n_voxels;
}

/* Features of the counts, which are taken; NaN for all if there are none. */
static void describe_sizes(const Window *window, Sizes *sizes, double *f)
{
    double total = 0, n_voxels = 0, entropy = 0, squares, variance;
    memset(f, 0, N_SIZE * sizeof(double));
    memset(sizes->per_level, 0, (size_t)window->n_levels * sizeof(double));
    memset(sizes->per_size, 0, (size_t)sizes->n_sizes * sizeof(double));
    for (int k = 0; k < sizes->n_cells; k++) {
        int32_t rank = sizes->cells[k] / sizes->n_sizes, place = sizes->cells[k] % sizes->n_sizes;
        double count = sizes->counts[sizes->cells[k]], i = window->levels[rank], j = place + 1.0;
        double ii = i * i, jj = j * j;
        sizes->per_level[rank] += count;
        sizes->per_size[place] += count;
        total += count;
        n_voxels += count * j;
        f[SMALL] += count / jj;
        f[LARGE] += count * jj;
        f[LOW_LEVEL] += count / ii;
        f[HIGH_LEVEL] += count * ii;
        f[SMALL_LOW] += count / (ii * jj);
        f[SMALL_HIGH] += count * ii / jj;
        f[LARGE_LOW] += count * jj / ii;
        f[LARGE_HIGH] += count * ii * jj;
    }
    divide(f, total, n_voxels);
    spread(sizes->per_level, window->levels, window->n_levels, total, &squares, &variance);
    f[LEVEL_NON_UNIFORMITY] = squares / total;
    f[LEVEL_NON_UNIFORMITY_NORMALIZED] = squares / (total * total);
    f[LEVEL_VARIANCE] = variance;
    spread(sizes->per_size, NULL, sizes->n_sizes, total, &squares, &variance);
    f[SIZE_NON_UNIFORMITY] = squares / total;
    f[SIZE_NON_UNIFORMITY_NORMALIZED] = squares / (total * total);
    f[SIZE_VARIANCE] = variance;
    for (int k = 0; k < sizes->n_cells; k++) {
        double p = sizes->counts[sizes->cells[k]] / total;
        entropy -= p_log_p(&sizes->kept, p, p);
        sizes->counts[sizes->cells[k]] = 0;
    }
    f[SIZE_ENTROPY] = total > 0 ? entropy : NAN;
    sizes->n_cells = 0;
}

/* ------------------------------------------------------------------ dependence: neighbors of like level */

#define UNLIKE_ALL (-(1 << 30)) /* the level of absent voxels: like none that is there */

/* levels, n_alike: room for each position. */
static void count_dependences(const Windows *windows, const Window *window, const Pairs *pairs, int alpha,
                              int32_t *levels, int32_t *n_alike, Sizes *sizes)
{
    for (Py_ssize_t k = 0; k < windows->n_positions; k++) {
        levels[k] = window->ranks[k] == ABSENT ? UNLIKE_ALL : window->levels[window->ranks[k]];
        n_alike[k] = 0;
    }
    for (int64_t k = 0; k < pairs->first[pairs->n_offsets]; k++) {
        int32_t a = pairs->positions[2 * k], b = pairs->positions[2 * k + 1];
        int alike = abs(levels[a] - levels[b]) <= alpha;
        n_alike[a] += alike;
        n_alike[b] += alike;
    }
    for (Py_ssize_t k = 0; k < windows->n_positions; k++)
        if (window->ranks[k] != ABSENT)
            count_size(sizes, window->ranks[k], n_alike[k] + 1, 1);
}

/* ------------------------------------------------------------------ zones: connected voxels of one level */

static int32_t root(int32_t *parents, int32_t k)
{
    while (parents[k] != k)
        k = parents[k] = parents[parents[k]];
    return k;
}

/* The lower root stays one, so a single sweep upwards finds every root later. */
static void join(int32_t *parents, int32_t a, int32_t b)
{
    a = root(parents, a);
    b = root(parents, b);
    if (a < b)
        parents[b] = a;
    else
        parents[a] = b;
}

/* parents, n_voxels: room for each position; alike: for each pair. */
static void count_zones(const Windows *windows, const Window *window, const Pairs *pairs, int32_t *parents,
                        int32_t *n_voxels, int32_t *alike, Sizes *sizes)
{
    int64_t n_pairs = pairs->first[pairs->n_offsets], n_alike = 0;
    for (Py_ssize_t k = 0; k < windows->n_positions; k++) {
        parents[k] = (int32_t)k;
        n_voxels[k] = 0;
    }
    for (int64_t k = 0; k < n_pairs; k++) { /* without a branch, which could not be predicted */
        alike[n_alike] = (int32_t)k;
        n_alike += window->ranks[pairs->positions[2 * k]] == window->ranks[pairs->positions[2 * k + 1]];
    }
    for (int64_t k = 0; k < n_alike; k++) {
        int32_t a = pairs->positions[2 * alike[k]], b = pairs->positions[2 * alike[k] + 1];
        if (parents[a] != parents[b])
            join(parents, a, b);
    }
    for (Py_ssize_t k = 0; k < windows->n_positions; k++) {
        parents[k] = parents[parents[k]];
        n_voxels[parents[k]]++;
    }
    for (Py_ssize_t k = 0; k < windows->n_positions; k++)
        if (window->ranks[k] != ABSENT && n_voxels[k])
            count_size(sizes, window->ranks[k], n_voxels[k], 1);
}

static int map_gldm(const Windows *windows, const Pairs *pairs, int alpha, double *out)
{
    double f[N_SIZE];
    Window window = {0};
    Sizes *sizes = calloc(1, sizeof *sizes);
    int32_t *levels = malloc((size_t)windows->n_positions * sizeof(int32_t));
    int32_t *n_alike = malloc((size_t)windows->n_positions * sizeof(int32_t));
    int done = new_window(windows, &window) && sizes && levels && n_alike &&
               new_sizes(sizes, most_levels(windows), 2 * (size_t)pairs->n_offsets + 1);
    for (Py_ssize_t v = 0; done && v < windows->n_centers; v++) {
        read_window(windows, v, &window);
        count_dependences(windows, &window, pairs, alpha, levels, n_alike, sizes);
        describe_sizes(&window, sizes, f);
        write_features(f, N_SIZE, v, windows->n_centers, out);
    }
    free_window(&window);
    free_sizes(sizes);
    free(levels);
    free(n_alike);
    return done;
}

static int map_glszm(const Windows *windows, const Pairs *pairs, double *out)
{
    double f[N_SIZE];
    Window window = {0};
    size_t n = (size_t)windows->n_positions;
    Sizes *sizes = calloc(1, sizeof *sizes);
    int32_t *parents = malloc(n * sizeof(int32_t)), *n_voxels = malloc(n * sizeof(int32_t));
    int32_t *alike = malloc(((size_t)pairs->first[pairs->n_offsets] + 1) * sizeof(int32_t));
    int done = new_window(windows, &window) && sizes && parents && n_voxels && alike &&
               new_sizes(sizes, most_levels(windows), n);
    for (Py_ssize_t v = 0; done && v < windows->n_centers; v++) {
        read_window(windows, v, &window);
        count_zones(windows, &window, pairs, parents, n_voxels, alike, sizes);
        describe_sizes(&window, sizes, f);
        write_features(f, N_SIZE, v, windows->n_centers, out);
    }
    free_window(&window);
    free_sizes(sizes);
    free(parents);
    free(n_voxels);
    free(alike);
    return done;
}

/* ------------------------------------------------------------------ runs: voxels of one level in a row */

/* Lines of positions, direction by direction: lines of direction k are of_direction[k] <= line <
   of_direction[k + 1], positions of a line first[line] <= place < first[line + 1]. */
typedef struct {
    const int32_t *positions;
    const int64_t *first, *of_direction;
    Py_ssize_t n_directions;
} Lines;

static void count_line(const Window *window, const int32_t *positions, int64_t n, double weight, Sizes *sizes)
{
    int32_t rank = ABSENT;
    int length = 0;
    for (int64_t k = 0; k < n; k++) {
        int32_t next = window->ranks[positions[k]];
        if (next == rank) {
            length++;
            continue;
        }
        if (rank != ABSENT)
            count_size(sizes, rank, length, weight);
        rank = next;
        length = 1;
    }
    if (rank != ABSENT)
        count_size(sizes, rank, length, weight);
}

static int shares_line(const Window *window, const Lines *lines, Py_ssize_t direction)
{
    for (int64_t line = lines->of_direction[direction]; line < lines->of_direction[direction + 1]; line++) {
        int n_present = 0;
        for (int64_t k = lines->first[line]; k < lines->first[line + 1]; k++)
            n_present += window->ranks[lines->positions[k]] != ABSENT;
        if (n_present > 1)
            return 1;
    }
    return 0;
}

/* A direction with at most one voxel on every line has no runs. */
static void count_runs(const Window *window, const Lines *lines, Py_ssize_t direction, double weight, Sizes *sizes)
{
    if (shares_line(window, lines, direction))
        for (int64_t line = lines->of_direction[direction]; line < lines->of_direction[direction + 1]; line++)
            count_line(window, lines->positions + lines->first[line], lines->first[line + 1] - lines->first[line],
                       weight, sizes);
}

static int map_glrlm(const Windows *windows, const Lines *lines, const double *weights, double *out)
{
    size_t n_matrices = weights ? 1 : (size_t)lines->n_directions;
    Window window = {0};
    Sizes *sizes = calloc(1, sizeof *sizes);
    double *f = malloc((n_matrices + 1) * N_SIZE * sizeof(double)), *terms = malloc((n_matrices + 1) * sizeof(double));
    int done = new_window(windows, &window) && sizes && f && terms &&
               new_sizes(sizes, most_levels(windows), (size_t)windows->n_positions);
    for (Py_ssize_t v = 0; done && v < windows->n_centers; v++) {
        read_window(windows, v, &window);
        for (Py_ssize_t k = 0; k < lines->n_directions; k++) {
            count_runs(&window, lines, k, weights ? weights[k] : 1, sizes);
            if (!weights)
                describe_sizes(&window, sizes, f + N_SIZE * k);
        }
        if (weights)
            describe_sizes(&window, sizes, f);
        for (int feature = 0; feature < N_SIZE; feature++) {
            for (size_t k = 0; k < n_matrices; k++)
                terms[k] = f[k * N_SIZE + (size_t)feature];
            out[feature * windows->n_centers + v] = mean_of_known(terms, (Py_ssize_t)n_matrices);
        }
    }
    free_window(&window);
    free_sizes(sizes);
    free(f);
    free(terms);
    return done;
}

/* ------------------------------------------------------------------ neighborhood grey tone difference */

enum { BUSYNESS, COARSENESS, COMPLEXITY, NGTDM_CONTRAST, STRENGTH, N_NGTDM };

/* Of each position, the number of its neighbors and the sum of their levels. */
typedef struct {
    int32_t *numbers, *sums;
} Neighborhoods;

static void sum_neighbors(const Window *window, const Pairs *pairs, Py_ssize_t n_positions, Neighborhoods *around)
{
    memset(around->numbers, 0, (size_t)n_positions * sizeof(int32_t));
    memset(around->sums, 0, (size_t)n_positions * sizeof(int32_t));
    for (int64_t k = 0; k < pairs->first[pairs->n_offsets]; k++) {
        int32_t a = pairs->positions[2 * k], b = pairs->positions[2 * k + 1];
        if (window->ranks[a] == ABSENT || window->ranks[b] == ABSENT)
            continue;
        around->numbers[a]++;
        around->numbers[b]++;
        around->sums[a] += window->levels[window->ranks[b]];
        around->sums[b] += window->levels[window->ranks[a]];
    }
}

/* Share p of the voxels of each level, and s, the sum of their differences from their neighbors' mean. */
static void take_differences(const Window *window, const Neighborhoods *around, Py_ssize_t n_positions, double *p,
                             double *s)
{
    for (int r = 0; r < window->n_levels; r++)
        p[r] = s[r] = 0;
    for (Py_ssize_t k = 0; k < n_positions; k++) {
        int32_t r = window->ranks[k];
        if (r == ABSENT)
            continue;
        p[r]++;
        if (around->numbers[k])
            s[r] += fabs(window->levels[r] - (double)around->sums[k] / around->numbers[k]);
    }
    for (int r = 0; r < window->n_levels; r++)
        p[r] /= window->n_present;
}

/* Features of a neighborhood grey tone difference matrix (Amadasun and King 1989, IEEE SMC 19:1264). */
static void describe_tone_differences(const Window *window, const double *p, const double *s, double *f)
{
    double coarse = 0, s_total = 0, busy = 0, complexity = 0, contrast = 0, strength = 0;
    int n = window->n_levels;
    for (int a = 0; a < n; a++) {
        double i = window->levels[a];
        coarse += p[a] * s[a];
        s_total += s[a];
        for (int b = 0; b < n; b++) {
            double j = window->levels[b], square = (i - j) * (i - j);
            busy += fabs(i * p[a] - j * p[b]);
            complexity += fabs(i - j) * (p[a] * s[a] + p[b] * s[b]) / (p[a] + p[b]);
            contrast += p[a] * p[b] * square;
            strength += (p[a] + p[b]) * square;
        }
    }
    f[COARSENESS] = coarse == 0 ? 1e6 : 1 / coarse; /* pyradiomics' bound */
    f[BUSYNESS] = busy == 0 ? 0 : coarse / busy;
    f[COMPLEXITY] = complexity / window->n_present;
    f[NGTDM_CONTRAST] = n < 2 ? 0 : contrast * s_total / window->n_present / ((double)n * (n - 1));
    f[STRENGTH] = s_total == 0 ? 0 : strength / s_total;
}

static int map_ngtdm(const Windows *windows, const Pairs *pairs, double *out)
{
    double f[N_NGTDM];
    size_t n = (size_t)windows->n_positions;
    Window window = {0};
    Neighborhoods around = {malloc(n * sizeof(int32_t)), malloc(n * sizeof(int32_t))};
    double *p = malloc(n * sizeof(double)), *s = malloc(n * sizeof(double));
    int done = new_window(windows, &window) && around.numbers && around.sums && p && s;
    for (Py_ssize_t v = 0; done && v < windows->n_centers; v++) {
        read_window(windows, v, &window);
        sum_neighbors(&window, pairs, windows->n_positions, &around);
        take_differences(&window, &around, windows->n_positions, p, s);
        describe_tone_differences(&window, p, s, f);
        write_features(f, N_NGTDM, v, windows->n_centers, out);
    }
    free_window(&window);
    free(around.numbers);
    free(around.sums);
    free(p);
    free(s);
    return done;
}

/* ------------------------------------------------------------------ Python */

enum { GRID, CENTRES, POSITIONS, OUT, N_SHARED };

/* Read the arrays that every function takes: grid, centers, positions, n_levels, out. */
static int take_windows(PyObject *const *objects, Py_buffer *views, int n_levels, int n_features, Windows *windows)
{
    if (take_array(objects[GRID], &views[GRID], 'i', 4, 1, READ, "grid") < 0 ||
        take_array(objects[CENTRES], &views[CENTRES], 'i', 8, 1, READ, "centers") < 0 ||
        take_array(objects[POSITIONS], &views[POSITIONS], 'i', 8, 1, READ, "positions") < 0 ||
        take_array(objects[OUT], &views[OUT], 'f', 8, 2, WRITE, "out") < 0)
        return -1;
    *windows = (Windows){views[GRID].buf,          views[GRID].shape[0],      views[CENTRES].buf, views[POSITIONS].buf,
                         views[CENTRES].shape[0], views[POSITIONS].shape[0], n_levels};
    int fit = views[OUT].shape[0] == n_features && views[OUT].shape[1] == windows->n_centers &&
              windows->n_positions > 0 && n_levels > 0;
    int64_t low = 0, high = 0;
    for (Py_ssize_t k = 0; fit && k < windows->n_positions; k++) {
        low = windows->positions[k] < low ? windows->positions[k] : low;
        high = windows->positions[k] > high ? windows->positions[k] : high;
    }
    for (Py_ssize_t v = 0; fit && v < windows->n_centers; v++)
        fit = windows->centers[v] + low >= 0 && windows->centers[v] + high < windows->n_grid;
    for (Py_ssize_t k = 0; fit && k < windows->n_grid; k++)
        fit = windows->grid[k] >= 0 && windows->grid[k] <= n_levels;
    if (!fit)
        PyErr_SetString(PyExc_ValueError, "voxel maps: grid, centers, positions and out do not fit together");
    return fit ? 0 : -1;
}

/* Whether first counts up from 0 to n. */
static int divides(const int64_t *first, Py_ssize_t n_first, Py_ssize_t n)
{
    int fit = n_first > 0 && first[0] == 0 && first[n_first - 1] == n;
    for (Py_ssize_t k = 1; fit && k < n_first; k++)
        fit = first[k - 1] <= first[k];
    return fit;
}

static int are_positions(const int32_t *positions, Py_ssize_t n, Py_ssize_t n_positions)
{
    for (Py_ssize_t k = 0; k < n; k++)
        if (positions[k] < 0 || positions[k] >= n_positions)
            return 0;
    return 1;
}

/* Read weights, one for each of n matrices, or None. */
static int take_weights(PyObject *object, Py_buffer *view, Py_ssize_t n, const double **weights)
{
    *weights = NULL;
    if (object == Py_None)
        return 0;
    if (take_array(object, view, 'f', 8, 1, READ, "weights") < 0)
        return -1;
    *weights = view->buf;
    if (view->shape[0] == n)
        return 0;
    PyErr_SetString(PyExc_ValueError, "voxel maps: expected one weight per direction");
    return -1;
}

/* Read pairs (n_pairs, 2) of positions and where the pairs of each offset begin (n_offsets + 1). */
static int take_pairs(PyObject *const *objects, Py_buffer *views, Py_ssize_t n_positions, Pairs *pairs)
{
    if (take_array(objects[0], &views[0], 'i', 4, 2, READ, "pairs") < 0 ||
        take_array(objects[1], &views[1], 'i', 8, 1, READ, "first") < 0)
        return -1;
    *pairs = (Pairs){views[0].buf, views[1].buf, views[1].shape[0] - 1};
    if (views[0].shape[1] == 2 && divides(pairs->first, views[1].shape[0], views[0].shape[0]) &&
        are_positions(pairs->positions, 2 * views[0].shape[0], n_positions))
        return 0;
    PyErr_SetString(PyExc_ValueError, "voxel maps: pairs, first and positions do not fit together");
    return -1;
}

static int take_lines(PyObject *const *objects, Py_buffer *views, Py_ssize_t n_positions, Lines *lines)
{
    if (take_array(objects[0], &views[0], 'i', 4, 1, READ, "lines") < 0 ||
        take_array(objects[1], &views[1], 'i', 8, 1, READ, "first") < 0 ||
        take_array(objects[2], &views[2], 'i', 8, 1, READ, "of_direction") < 0)
        return -1;
    *lines = (Lines){views[0].buf, views[1].buf, views[2].buf, views[2].shape[0] - 1};
    int fit = divides(lines->first, views[1].shape[0], views[0].shape[0]) &&
              divides(lines->of_direction, views[2].shape[0], views[1].shape[0] - 1) &&
              are_positions(lines->positions, views[0].shape[0], n_positions);
    for (Py_ssize_t k = 0; fit && k + 1 < views[1].shape[0]; k++)
        fit = lines->first[k + 1] - lines->first[k] <= n_positions;
    if (!fit)
        PyErr_SetString(PyExc_ValueError, "voxel maps: lines, first, of_direction and positions do not fit together");
    return fit ? 0 : -1;
}

/* Let the arrays go; None, or the error that is set, or that memory ran out. */
static PyObject *finish(Py_buffer *views, int n_views, int taken, int done)
{
    release_arrays(views, n_views);
    if (!taken)
        return NULL;
    if (!done)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

/* firstorder(grid, centers, positions, out, n_levels, values, voxel_array_shift, voxel_volume): values as the grid. */
static PyObject *firstorder(PyObject *module, PyObject *arguments)
{
    PyObject *objects[N_SHARED + 1];
    Py_buffer views[N_SHARED + 1] = {0};
    Windows windows;
    double shift, voxel_volume;
    int n_levels, taken = 0, done = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOiOdd", &objects[0], &objects[1], &objects[2], &objects[3], &n_levels,
                          &objects[4], &shift, &voxel_volume))
        return NULL;
    taken = take_windows(objects, views, n_levels, N_FIRSTORDER, &windows) == 0 &&
            take_array(objects[4], &views[4], 'f', 8, 1, READ, "values") == 0;
    if (taken && views[4].shape[0] != windows.n_grid) {
        PyErr_SetString(PyExc_ValueError, "firstorder: expected one value per voxel of the grid");
        taken = 0;
    }
    Py_BEGIN_ALLOW_THREADS
    done = taken && map_firstorder(&windows, views[4].buf, shift, voxel_volume, views[OUT].buf);
    Py_END_ALLOW_THREADS
    return finish(views, N_SHARED + 1, taken, done);
}

/* glcm(grid, centers, positions, out, n_levels, pairs, first, weights or None, symmetrical, entropies, mcc) */
static PyObject *glcm(PyObject *module, PyObject *arguments)
{
    PyObject *objects[N_SHARED + 3];
    Py_buffer views[N_SHARED + 3] = {0};
    Windows windows;
    Pairs pairs;
    CooccurrenceChoice choice;
    int n_levels, taken = 0, done = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOiOOOppp", &objects[0], &objects[1], &objects[2], &objects[3], &n_levels,
                          &objects[4], &objects[5], &objects[6], &choice.symmetrical, &choice.wants_entropies,
                          &choice.wants_mcc))
        return NULL;
    taken = take_windows(objects, views, n_levels, N_GLCM, &windows) == 0 &&
            take_pairs(objects + 4, views + 4, windows.n_positions, &pairs) == 0 &&
            take_weights(objects[6], &views[6], pairs.n_offsets, &choice.weights) == 0;
    Py_BEGIN_ALLOW_THREADS
    done = taken && map_glcm(&windows, &pairs, &choice, views[OUT].buf);
    Py_END_ALLOW_THREADS
    return finish(views, N_SHARED + 3, taken, done);
}

/* gldm(grid, centers, positions, out, n_levels, pairs, first, alpha) */
static PyObject *gldm(PyObject *module, PyObject *arguments)
{
    PyObject *objects[N_SHARED + 2];
    Py_buffer views[N_SHARED + 2] = {0};
    Windows windows;
    Pairs pairs;
    int n_levels, alpha, taken = 0, done = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOiOOi", &objects[0], &objects[1], &objects[2], &objects[3], &n_levels,
                          &objects[4], &objects[5], &alpha))
        return NULL;
    taken = take_windows(objects, views, n_levels, N_SIZE, &windows) == 0 &&
            take_pairs(objects + 4, views + 4, windows.n_positions, &pairs) == 0;
    Py_BEGIN_ALLOW_THREADS
    done = taken && map_gldm(&windows, &pairs, alpha, views[OUT].buf);
    Py_END_ALLOW_THREADS
    return finish(views, N_SHARED + 2, taken, done);
}

typedef int (*PairMap)(const Windows *, const Pairs *, double *);

static PyObject *map_pairs(PyObject *arguments, int n_features, PairMap map)
{
    PyObject *objects[N_SHARED + 2];
    Py_buffer views[N_SHARED + 2] = {0};
    Windows windows;
    Pairs pairs;
    int n_levels, taken = 0, done = 0;
    if (!PyArg_ParseTuple(arguments, "OOOOiOO", &objects[0], &objects[1], &objects[2], &objects[3], &n_levels,
                          &objects[4], &objects[5]))
        return NULL;
    taken = take_windows(objects, views, n_levels, n_features, &windows) == 0 &&
            take_pairs(objects + 4, views + 4, windows.n_positions, &pairs) == 0;
    Py_BEGIN_ALLOW_THREADS
    done = taken && map(&windows, &pairs, views[OUT].buf);
    Py_END_ALLOW_THREADS
    return finish(views, N_SHARED + 2, taken, done);
}

/* glszm(grid, centers, positions, out, n_levels, pairs, first) */
static PyObject *glszm(PyObject *module, PyObject *arguments)
{
    (void)module;
    return map_pairs(arguments, N_SIZE, map_glszm);
}

/* ngtdm(grid, centers, positions, out, n_levels, pairs, first) */
static PyObject *ngtdm(PyObject *module, PyObject *arguments)
{
    (void)module;
    return map_pairs(arguments, N_NGTDM, map_ngtdm);
}

/* glrlm(grid, centers, positions, out, n_levels, lines, first, of_direction, weights or None) */
static PyObject *glrlm(PyObject *module, PyObject *arguments)
{
    PyObject *objects[N_SHARED + 4];
    Py_buffer views[N_SHARED + 4] = {0};
    Windows windows;
    Lines lines;
    const double *weights;
    int n_levels, taken = 0, done = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOiOOOO", &objects[0], &objects[1], &objects[2], &objects[3], &n_levels,
                          &objects[4], &objects[5], &objects[6], &objects[7]))
        return NULL;
    taken = take_windows(objects, views, n_levels, N_SIZE, &windows) == 0 &&
            take_lines(objects + 4, views + 4, windows.n_positions, &lines) == 0 &&
            take_weights(objects[7], &views[7], lines.n_directions, &weights) == 0;
    Py_BEGIN_ALLOW_THREADS
    done = taken && map_glrlm(&windows, &lines, weights, views[OUT].buf);
    Py_END_ALLOW_THREADS
    return finish(views, N_SHARED + 4, taken, done);
}

static PyMethodDef methods[] = {{"firstorder", firstorder, METH_VARARGS, NULL}, {"glcm", glcm, METH_VARARGS, NULL},
                                {"gldm", gldm, METH_VARARGS, NULL},             {"glrlm", glrlm, METH_VARARGS, NULL},
                                {"glszm", glszm, METH_VARARGS, NULL},           {"ngtdm", ngtdm, METH_VARARGS, NULL},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_voxel_maps", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__voxel_maps(void)
{
    return PyModule_Create(&definition);
}

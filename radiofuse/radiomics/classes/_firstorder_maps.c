/* First-order features of the window round every voxel. */
#include "_logarithms.h"
#include "_window_arrays.h"

enum { /* the order of firstorder.FORMULAS */
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

static void describe_histogram(const Window *window, double *counts, Logarithms *logarithms, Py_ssize_t n_positions, double *f)
{
    double entropy = 0, uniformity = 0;
    memset(counts, 0, (size_t)window->n_levels * sizeof(double));
    for (Py_ssize_t k = 0; k < n_positions; k++)
        if (window->ranks[k] != ABSENT)
            counts[window->ranks[k]]++;
    for (int r = 0; r < window->n_levels; r++) {
        double p = counts[r] / window->n_present;
        entropy += log_of(logarithms, p, p);
        uniformity += p * p;
    }
    f[ENTROPY] = -entropy;
    f[UNIFORMITY] = uniformity;
}

static int map_firstorder(const Windows *windows, const double *values, double shift, double voxel_volume, double *out)
{
    size_t n = (size_t)windows->n_positions;
    Window window = {0};
    Logarithms *logarithms = calloc(1, sizeof *logarithms);
    Intensities of = {malloc(n * sizeof(double)), malloc(n * sizeof(double)), malloc(n * sizeof(double)),
                      windows->n_positions, 0};
    int done = new_window(windows, &window) && logarithms && of.x && of.sorted && of.terms;
    if (done)
        logarithms->added = EPSILON;
    for (Py_ssize_t v = 0; done && v < windows->n_centers; v++) {
        double f[N_FIRSTORDER];
        read_window(windows, v, &window);
        of.n = 0;
        for (Py_ssize_t k = 0; k < windows->n_positions; k++) {
            of.x[k] = window.ranks[k] == ABSENT ? NAN : values[windows->centers[v] + windows->positions[k]];
            if (window.ranks[k] != ABSENT)
                of.sorted[of.n++] = of.x[k];
        }
        for (int k = 0; k < N_FIRSTORDER; k++)
            f[k] = NAN;
        if (of.n) {
            describe_intensities(&of, shift, voxel_volume, f);
            describe_histogram(&window, of.terms, logarithms, windows->n_positions, f);
        }
        write_features(f, N_FIRSTORDER, v, windows->n_centers, out);
    }
    free_window(&window);
    free(logarithms);
    free(of.x);
    free(of.sorted);
    free(of.terms);
    return done;
}

/* describe(grid, centers, positions, out, n_levels, values, voxel_array_shift, voxel_volume): values as the grid. */
static PyObject *describe(PyObject *module, PyObject *arguments)
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

static PyMethodDef methods[] = {{"describe", describe, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_firstorder_maps", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__firstorder_maps(void)
{
    return PyModule_Create(&definition);
}

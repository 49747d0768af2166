/* Neighborhood gray tone differences in the window round every voxel. */
#include "_window_arrays.h"

/* In the order of ngtdm.FEATURES. */
enum { BUSYNESS, COARSENESS, COMPLEXITY, CONTRAST, STRENGTH, N_NGTDM };

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

/* Features of a neighborhood gray tone difference matrix (Amadasun and King 1989, IEEE SMC 19:1264). */
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
    f[CONTRAST] = n < 2 ? 0 : contrast * s_total / window->n_present / ((double)n * (n - 1));
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

/* describe(grid, centers, positions, out, n_levels, pairs, first) */
static PyObject *describe(PyObject *module, PyObject *arguments)
{
    PyObject *objects[N_SHARED + 2];
    Py_buffer views[N_SHARED + 2] = {0};
    Windows windows;
    Pairs pairs;
    int n_levels, taken = 0, done = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOiOO", &objects[0], &objects[1], &objects[2], &objects[3], &n_levels,
                          &objects[4], &objects[5]))
        return NULL;
    taken = take_windows(objects, views, n_levels, N_NGTDM, &windows) == 0 &&
            take_pairs(objects + 4, views + 4, windows.n_positions, &pairs) == 0;
    Py_BEGIN_ALLOW_THREADS
    done = taken && map_ngtdm(&windows, &pairs, views[OUT].buf);
    Py_END_ALLOW_THREADS
    return finish(views, N_SHARED + 2, taken, done);
}

static PyMethodDef methods[] = {{"describe", describe, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_ngtdm_maps", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__ngtdm_maps(void)
{
    return PyModule_Create(&definition);
}

/* Dependence in the window round every voxel: neighbors of like level. */
#include "_sizes.h"
#include "_window_arrays.h"

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

/* How many neighbors a position has at most: one on each side at every offset, or as many as pairs name it in.
   n_pairs: room for each position. */
static size_t most_neighbors(const Windows *windows, const Pairs *pairs, int32_t *n_pairs)
{
    size_t most = 2 * (size_t)pairs->n_offsets;
    memset(n_pairs, 0, (size_t)windows->n_positions * sizeof(int32_t));
    for (int64_t k = 0; k < 2 * pairs->first[pairs->n_offsets]; k++) {
        size_t n = (size_t)++n_pairs[pairs->positions[k]];
        most = n > most ? n : most;
    }
    return most;
}

static int map_gldm(const Windows *windows, const Pairs *pairs, int alpha, double *out)
{
    double f[N_SIZE];
    Window window = {0};
    Sizes *sizes = calloc(1, sizeof *sizes);
    int32_t *levels = malloc((size_t)windows->n_positions * sizeof(int32_t));
    int32_t *n_alike = malloc((size_t)windows->n_positions * sizeof(int32_t));
    int done = new_window(windows, &window) && sizes && levels && n_alike &&
               new_sizes(sizes, most_levels(windows), most_neighbors(windows, pairs, n_alike) + 1);
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

/* describe(grid, centers, positions, out, n_levels, pairs, first, alpha) */
static PyObject *describe(PyObject *module, PyObject *arguments)
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

static PyMethodDef methods[] = {{"describe", describe, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_gldm_maps", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__gldm_maps(void)
{
    return PyModule_Create(&definition);
}

/* Zones in the window round every voxel: connected voxels of one level. */
#include "_sizes.h"
#include "_window_arrays.h"

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
    taken = take_windows(objects, views, n_levels, N_SIZE, &windows) == 0 &&
            take_pairs(objects + 4, views + 4, windows.n_positions, &pairs) == 0;
    Py_BEGIN_ALLOW_THREADS
    done = taken && map_glszm(&windows, &pairs, views[OUT].buf);
    Py_END_ALLOW_THREADS
    return finish(views, N_SHARED + 2, taken, done);
}

static PyMethodDef methods[] = {{"describe", describe, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_glszm_maps", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__glszm_maps(void)
{
    return PyModule_Create(&definition);
}

/* Connected pieces of a mask, corners included: runs along x that touch are united. */
#include "../_arrays.h"

typedef struct {
    int32_t *first, *behind, *parent, *size; /* of every run */
    int32_t n_runs;
} Runs;

static int32_t root_of(int32_t *parent, int32_t run)
{
    while (parent[run] != run)
        run = parent[run] = parent[parent[run]];
    return run;
}

static void unite(Runs *runs, int32_t one, int32_t other)
{
    one = root_of(runs->parent, one);
    other = root_of(runs->parent, other);
    if (one == other)
        return;
    if (runs->size[one] < runs->size[other]) {
        const int32_t larger = other;
        other = one;
        one = larger;
    }
    runs->parent[other] = one;
    runs->size[one] += runs->size[other];
}

static void find_runs(Runs *runs, const uint8_t *row, Py_ssize_t length)
{
    for (Py_ssize_t x = 0; x < length;) {
        while (x < length && !row[x])
            x++;
        if (x == length)
            return;
        const int32_t run = runs->n_runs++;
        runs->first[run] = (int32_t)x;
        while (x < length && row[x])
            x++;
        runs->behind[run] = (int32_t)x;
        runs->parent[run] = run;
        runs->size[run] = runs->behind[run] - runs->first[run];
    }
}

/* Unite the runs of two rows that are neighbors; both lists rise along x. */
static void join_rows(Runs *runs, int32_t one, int32_t one_end, int32_t other, int32_t other_end)
{
    while (one < one_end && other < other_end) {
        if (runs->first[one] <= runs->behind[other] && runs->first[other] <= runs->behind[one])
            unite(runs, one, other);
        if (runs->behind[one] < runs->behind[other])
            one++;
        else
            other++;
    }
}

static void count(const uint8_t *mask, const Py_ssize_t *shape, Runs *runs, int32_t *starts, int64_t *told)
{
    const Py_ssize_t n_y = shape[1], n_x = shape[2];
    for (Py_ssize_t z = 0; z < shape[0]; z++)
        for (Py_ssize_t y = 0; y < n_y; y++) {
            const Py_ssize_t row = z * n_y + y;
            starts[row] = runs->n_runs;
            find_runs(runs, mask + row * n_x, n_x);
            starts[row + 1] = runs->n_runs;
            if (y > 0)
                join_rows(runs, starts[row], starts[row + 1], starts[row - 1], starts[row]);
            for (Py_ssize_t side = y - 1; z > 0 && side <= y + 1; side++) {
                const Py_ssize_t before = (z - 1) * n_y + side;
                if (side >= 0 && side < n_y)
                    join_rows(runs, starts[row], starts[row + 1], starts[before], starts[before + 1]);
            }
        }
    told[0] = told[1] = 0;
    for (int32_t run = 0; run < runs->n_runs; run++)
        if (runs->parent[run] == run) {
            told[0]++;
            told[1] = runs->size[run] > told[1] ? runs->size[run] : told[1];
        }
}

static int shapes_fit(const Py_buffer *views)
{
    const Py_ssize_t *shape = views[0].shape, n_rows = shape[0] * shape[1], most = n_rows * ((shape[2] + 1) / 2);
    const int fit = views[1].shape[0] == 4 && views[1].shape[1] >= most && views[2].shape[0] == n_rows + 1 &&
                    n_rows * shape[2] <= INT32_MAX;
    if (!fit)
        PyErr_SetString(PyExc_ValueError, "count: mask, runs and starts do not fit together");
    return fit;
}

/* count(mask, runs, starts): how many pieces a mask (z, y, x) of uint8 has and the voxels of the largest. ``runs``
   (4, n) with a place for every second voxel of a row and ``starts`` (z * y + 1), both of int32, are to work in. */
static PyObject *count_pieces(PyObject *module, PyObject *arguments)
{
    PyObject *objects[3];
    Py_buffer views[3] = {{0}};
    int64_t told[2] = {0, 0};
    int done = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOO", &objects[0], &objects[1], &objects[2]))
        return NULL;
    if (take_array(objects[0], &views[0], 'u', 1, 3, READ, "mask") == 0 &&
        take_array(objects[1], &views[1], 'i', 4, 2, WRITE, "runs") == 0 &&
        take_array(objects[2], &views[2], 'i', 4, 1, WRITE, "starts") == 0 && shapes_fit(views)) {
        int32_t *work = views[1].buf;
        const Py_ssize_t room = views[1].shape[1];
        Runs runs = {work, work + room, work + 2 * room, work + 3 * room, 0};
        Py_BEGIN_ALLOW_THREADS
        count(views[0].buf, views[0].shape, &runs, views[2].buf, told);
        Py_END_ALLOW_THREADS
        done = 1;
    }
    release_arrays(views, 3);
    return done ? Py_BuildValue("LL", (long long)told[0], (long long)told[1]) : NULL;
}

static PyMethodDef methods[] = {{"count", count_pieces, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_pieces", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__pieces(void)
{
    return PyModule_Create(&definition);
}

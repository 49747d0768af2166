/* Gray levels: how many of the rising bin edges are at or below each value. */
#include "../_arrays.h"

/* The bins are equally wide but for rounding: a division finds the bin, and a comparison with its edges settles it. */
FOR_EACH_PROCESSOR
static void count_edges(const double *values, Py_ssize_t n_values, const double *edges, Py_ssize_t n_edges,
                        int32_t *levels)
{
    /* without the last bin, which is wider where the number of bins is fixed */
    double first = edges[0], per_width = n_edges > 2 ? (double)(n_edges - 2) / (edges[n_edges - 2] - first) : 0.0;
    for (Py_ssize_t k = 0; k < n_values; k++) {
        double guess = (values[k] - first) * per_width;
        Py_ssize_t level = guess >= (double)n_edges ? n_edges : guess > 0.0 ? (Py_ssize_t)guess + 1 : 0;
        while (level > 0 && values[k] < edges[level - 1])
            level--;
        while (level < n_edges && values[k] >= edges[level])
            level++;
        levels[k] = (int32_t)level;
    }
}

/* levels(values, edges, levels): fill levels (n,) of int32 from values (n,) and rising edges, both of float64. */
static PyObject *levels(PyObject *module, PyObject *arguments)
{
    PyObject *objects[3];
    Py_buffer views[3] = {0};
    int done = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOO", &objects[0], &objects[1], &objects[2]))
        return NULL;
    if (take_array(objects[0], &views[0], 'f', 8, 1, READ, "values") < 0 ||
        take_array(objects[1], &views[1], 'f', 8, 1, READ, "edges") < 0 ||
        take_array(objects[2], &views[2], 'i', 4, 1, WRITE, "levels") < 0)
        goto release;
    if (views[0].shape[0] != views[2].shape[0] || views[1].shape[0] < 2) {
        PyErr_SetString(PyExc_ValueError, "levels: values, edges and levels do not fit together");
        goto release;
    }
    Py_BEGIN_ALLOW_THREADS
    count_edges(views[0].buf, views[0].shape[0], views[1].buf, views[1].shape[0], views[2].buf);
    Py_END_ALLOW_THREADS
    done = 1;
release:
    release_arrays(views, 3);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"levels", levels, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_discretization", NULL, 0, methods,
                                        NULL,                  NULL,              NULL, NULL};

PyMODINIT_FUNC PyInit__discretization(void)
{
    return PyModule_Create(&definition);
}

/* Gradient magnitude by central differences, in double precision and in ITK's order: the results are bit-equal. */
#include "../../_arrays.h"
#include <math.h>

/* From one row of a block, its first voxel beside the margin, to the same row of the result. */
FOR_EACH_PROCESSOR
static void magnitude_row(const double *row, Py_ssize_t length, const Py_ssize_t *strides, const double *weights,
                          float *RESTRICT out)
{
    const double *z = row - strides[0], *y = row - strides[1], *x = row - 1;
    const Py_ssize_t two_z = 2 * strides[0], two_y = 2 * strides[1];
    for (Py_ssize_t k = 0; k < length; k++) {
        double along_x = x[k + 2] * weights[2] - x[k] * weights[2];
        double along_y = y[k + two_y] * weights[1] - y[k] * weights[1];
        double along_z = z[k + two_z] * weights[0] - z[k] * weights[0];
        out[k] = (float)sqrt(along_x * along_x + along_y * along_y + along_z * along_z);
    }
}

static void magnitude_block(const double *block, const Py_ssize_t *shape, const double *weights, float *out)
{
    const Py_ssize_t strides[] = {(shape[1] + 2) * (shape[2] + 2), shape[2] + 2};
    for (Py_ssize_t z = 0; z < shape[0]; z++)
        for (Py_ssize_t y = 0; y < shape[1]; y++, out += shape[2])
            magnitude_row(block + (z + 1) * strides[0] + (y + 1) * strides[1] + 1, shape[2], strides, weights, out);
}

static int shapes_fit(const Py_buffer *views)
{
    int fit = views[2].shape[0] == 3;
    for (int axis = 0; axis < 3; axis++)
        fit &= views[0].shape[axis] == views[1].shape[axis] + 2;
    if (!fit)
        PyErr_SetString(PyExc_ValueError, "gradient_magnitude: the block needs one voxel more than out on every side");
    return fit;
}

/* gradient_magnitude(block (z + 2, y + 2, x + 2), out (z, y, x), weights (3)): a weight is half the inverse spacing. */
static PyObject *gradient_magnitude(PyObject *module, PyObject *arguments)
{
    PyObject *block, *out, *weights, *done = NULL;
    Py_buffer views[3] = {{0}};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOO", &block, &out, &weights))
        return NULL;
    if (take_array(block, &views[0], 'f', sizeof(double), 3, READ, "block") == 0 &&
        take_array(out, &views[1], 'f', sizeof(float), 3, WRITE, "out") == 0 &&
        take_array(weights, &views[2], 'f', sizeof(double), 1, READ, "weights") == 0 && shapes_fit(views)) {
        Py_BEGIN_ALLOW_THREADS
        magnitude_block(views[0].buf, views[1].shape, views[2].buf, views[1].buf);
        Py_END_ALLOW_THREADS
        done = Py_NewRef(Py_None);
    }
    release_arrays(views, 3);
    return done;
}

static PyMethodDef methods[] = {{"gradient_magnitude", gradient_magnitude, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_gradient", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__gradient(void)
{
    return PyModule_Create(&module);
}

/* One pass of the stationary wavelet transform: a filter along one axis of a block that already holds its margins.

   The sums run in PyWavelets' order, so the results are bit-equal in both precisions. */
#include "../../_arrays.h"

enum { BLOCK_BYTES = 128 };
#define LONGEST (PY_SSIZE_T_MAX / 4) /* of a line: far from where places on it overflow */

/* Output o, counted along the whole periodic line, is the sum over j of taps[j] * line[o + n_taps/2 - j]. Where that
   reads past the line's end, the first n_wrapped taps fall on its beginning, and PyWavelets adds those first, from the
   last of them to the first. */
static Py_ssize_t wrapped_taps(Py_ssize_t output, Py_ssize_t line_length, Py_ssize_t n_taps)
{
    Py_ssize_t beyond = output % line_length + n_taps / 2 - line_length + 1;
    return beyond > 0 ? beyond : 0;
}

/* filter_block sums `width` neighboring outputs at once; source is where their last tap reads and stride leads from
   one tap to the one before. filter_run splits a run of outputs into blocks; the last one overlaps its forerunner. */
#define DEFINE_FILTER(REAL)                                                                                            \
    static inline void filter_block_##REAL(const REAL *source, REAL *out, int width, Py_ssize_t stride,                \
                                           const REAL *taps, Py_ssize_t n_taps, Py_ssize_t n_wrapped)                  \
    {                                                                                                                  \
        REAL sums[BLOCK_BYTES / sizeof(REAL)] = {0};                                                                   \
        for (Py_ssize_t step = 0; step < n_taps; step++) {                                                             \
            Py_ssize_t tap = step < n_wrapped ? n_wrapped - 1 - step : step;                                           \
            const REAL *line = source + (n_taps - 1 - tap) * stride;                                                   \
            for (int k = 0; k < width; k++)                                                                            \
                sums[k] += taps[tap] * line[k];                                                                        \
        }                                                                                                              \
        memcpy(out, sums, (size_t)width * sizeof(REAL));                                                               \
    }                                                                                                                  \
                                                                                                                       \
    FOR_EACH_PROCESSOR                                                                                                 \
    static void filter_run_##REAL(const REAL *source, REAL *out, Py_ssize_t length, Py_ssize_t stride,                 \
                                  const REAL *taps, Py_ssize_t n_taps, Py_ssize_t n_wrapped)                           \
    {                                                                                                                  \
        const int block = BLOCK_BYTES / sizeof(REAL);                                                                  \
        if (length < block)                                                                                            \
            filter_block_##REAL(source, out, (int)length, stride, taps, n_taps, n_wrapped);                            \
        for (Py_ssize_t at = 0; length >= block && at < length; at += block) {                                         \
            Py_ssize_t start = at + block <= length ? at : length - block;                                             \
            filter_block_##REAL(source + start, out + start, block, stride, taps, n_taps, n_wrapped);                  \
        }                                                                                                              \
    }                                                                                                                  \
                                                                                                                       \
    static void filter_axis_##REAL(const REAL *in, REAL *out, const Py_ssize_t *shape, const REAL *taps,               \
                                   Py_ssize_t n_taps, Py_ssize_t first, Py_ssize_t line_length)                        \
    {                                                                                                                  \
        const Py_ssize_t n_outputs = shape[1], inner = shape[2];                                                       \
        for (Py_ssize_t outer = 0; outer < shape[0]; outer++) {                                                        \
            for (Py_ssize_t at = 0, next; at < n_outputs; at = next) {                                                 \
                Py_ssize_t n_wrapped = wrapped_taps(first + at, line_length, n_taps);                                  \
                for (next = at + 1; next < n_outputs && !n_wrapped; next++)                                            \
                    if (wrapped_taps(first + next, line_length, n_taps))                                               \
                        break;                                                                                         \
                filter_run_##REAL(in + at * inner, out + at * inner, (next - at) * inner, inner, taps, n_taps,         \
                                  n_wrapped);                                                                          \
            }                                                                                                          \
            in += (n_outputs + n_taps - 1) * inner;                                                                    \
            out += n_outputs * inner;                                                                                  \
        }                                                                                                              \
    }

DEFINE_FILTER(float)
DEFINE_FILTER(double)

static int shapes_fit(const Py_buffer *views, Py_ssize_t first, Py_ssize_t line_length)
{
    const Py_ssize_t *in = views[0].shape, *out = views[1].shape;
    if (in[0] == out[0] && in[1] == out[1] + views[2].shape[0] - 1 && in[2] == out[2] && views[2].shape[0] > 0 &&
        first >= 0 && first <= LONGEST && line_length > 0 && line_length <= LONGEST)
        return 1;
    PyErr_SetString(PyExc_ValueError, "filter_axis: the block needs one voxel less than taps beyond the outputs");
    return 0;
}

/* filter_axis(block (a, n + taps - 1, b), out (a, n, b), taps, first, line_length): filter along the middle axis. */
static PyObject *filter_axis(PyObject *module, PyObject *arguments)
{
    PyObject *in, *out, *taps;
    Py_ssize_t first, line_length;
    Py_buffer views[3] = {{0}};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOnn", &in, &out, &taps, &first, &line_length))
        return NULL;
    Py_ssize_t size = sizeof(float);
    if (take_array(taps, &views[2], 'f', size, 1, READ, "taps") < 0) {
        PyErr_Clear();
        size = sizeof(double);
        if (take_array(taps, &views[2], 'f', size, 1, READ, "taps") < 0)
            return NULL;
    }
    PyObject *done = NULL;
    if (take_array(in, &views[0], 'f', size, 3, READ, "block") == 0 &&
        take_array(out, &views[1], 'f', size, 3, WRITE, "out") == 0 && shapes_fit(views, first, line_length)) {
        Py_BEGIN_ALLOW_THREADS
        if (size == sizeof(float))
            filter_axis_float(views[0].buf, views[1].buf, views[1].shape, views[2].buf, views[2].shape[0], first,
                              line_length);
        else
            filter_axis_double(views[0].buf, views[1].buf, views[1].shape, views[2].buf, views[2].shape[0], first,
                               line_length);
        Py_END_ALLOW_THREADS
        done = Py_NewRef(Py_None);
    }
    release_arrays(views, 3);
    return done;
}

static PyMethodDef methods[] = {{"filter_axis", filter_axis, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_wavelet", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__wavelet(void)
{
    return PyModule_Create(&module);
}

/* What one pass over all voxels tells: of intensities, their sums, and of a mask the box of what is not 0. */
#include "../_arrays.h"
#include <math.h>

#define PART (1 << 15) /* voxels: short counts vectorize better than long ones */
#define LANES 8 /* sums that run beside each other, so that the processor adds several voxels at a time */

typedef struct {
    int64_t n_shown, n_bad;
    double lowest;
} Intensities;

typedef struct {
    int whole;
    double total, squares;
} Moments;

typedef struct {
    int64_t n_set, n_bad;
    int whole;
    Py_ssize_t first[3], last[3]; /* z, y, x; last is behind the last voxel */
} Mask;

#define IS_BAD_F(v) (!((v) - (v) == 0))
#define IS_BAD_I(v) 0
#define IS_WHOLE_F(v) (rint(v) == (v))
#define IS_WHOLE_I(v) 1

#define OF_TYPE(name, type, BAD, WHOLE)                                                                                \
    FOR_EACH_PROCESSOR                                                                                                 \
    static Intensities intensities_##name(const type *voxels, Py_ssize_t n)                                            \
    {                                                                                                                  \
        Intensities told = {0, 0, INFINITY};                                                                           \
        type lowest = 0;                                                                                               \
        int64_t any = 0;                                                                                               \
        for (Py_ssize_t k = 0; k < n && !any; k++) /* the first that is a number */                                    \
            if (voxels[k] == voxels[k]) {                                                                              \
                lowest = voxels[k];                                                                                    \
                any = 1;                                                                                               \
            }                                                                                                          \
        for (Py_ssize_t start = 0; start < n; start += PART) {                                                         \
            const type *part = voxels + start;                                                                         \
            const Py_ssize_t length = n - start < PART ? n - start : PART;                                             \
            int32_t n_shown = 0, n_bad = 0;                                                                            \
            for (Py_ssize_t k = 0; k < length; k++) {                                                                  \
                n_shown += part[k] != 0;                                                                               \
                n_bad += BAD(part[k]);                                                                                 \
            }                                                                                                          \
            type least[LANES]; /* NaN is below nothing */                                                              \
            Py_ssize_t k = 0;                                                                                          \
            for (int lane = 0; lane < LANES; lane++)                                                                   \
                least[lane] = lowest;                                                                                  \
            for (; k + LANES <= length; k += LANES)                                                                    \
                for (int lane = 0; lane < LANES; lane++)                                                               \
                    least[lane] = part[k + lane] < least[lane] ? part[k + lane] : least[lane];                         \
            for (; k < length; k++)                                                                                    \
                least[0] = part[k] < least[0] ? part[k] : least[0];                                                    \
            for (int lane = 0; lane < LANES; lane++)                                                                   \
                lowest = least[lane] < lowest ? least[lane] : lowest;                                                  \
            told.n_shown += n_shown;                                                                                   \
            told.n_bad += n_bad;                                                                                       \
        }                                                                                                              \
        told.lowest = any ? (double)lowest : NAN;                                                                      \
        return told;                                                                                                   \
    }                                                                                                                  \
    FOR_EACH_PROCESSOR                                                                                                 \
    static int any_set_##name(const type *row, Py_ssize_t length)                                                      \
    {                                                                                                                  \
        int any = 0;                                                                                                   \
        for (Py_ssize_t x = 0; x < length; x++)                                                                        \
            any |= row[x] != 0;                                                                                        \
        return any;                                                                                                    \
    }                                                                                                                  \
    static Mask mask_##name(const type *voxels, const Py_ssize_t *shape)                                               \
    {                                                                                                                  \
        Mask told = {0, 0, 1, {shape[0], shape[1], shape[2]}, {0, 0, 0}};                                              \
        for (Py_ssize_t z = 0; z < shape[0]; z++)                                                                      \
            for (Py_ssize_t y = 0; y < shape[1]; y++) {                                                                \
                const type *row = voxels + (z * shape[1] + y) * shape[2];                                              \
                if (!any_set_##name(row, shape[2]))                                                                    \
                    continue;                                                                                          \
                for (Py_ssize_t x = 0; x < shape[2]; x++)                                                              \
                    if (row[x] != 0) {                                                                                 \
                        const Py_ssize_t at[] = {z, y, x};                                                             \
                        told.n_set++;                                                                                  \
                        told.n_bad += BAD(row[x]);                                                                     \
                        told.whole &= WHOLE(row[x]);                                                                   \
                        widen(&told, at);                                                                              \
                    }                                                                                                  \
            }                                                                                                          \
        return told;                                                                                                   \
    }

#define MOMENTS_OF_WIDE(name, type, WHOLE)                                                                             \
    FOR_EACH_PROCESSOR                                                                                                 \
    static Moments moments_##name(const type *voxels, Py_ssize_t n)                                                    \
    {                                                                                                                  \
        double totals[LANES] = {0}, squares[LANES] = {0};                                                              \
        int32_t fractions = 0;                                                                                         \
        Py_ssize_t k = 0;                                                                                              \
        for (; k + LANES <= n; k += LANES)                                                                             \
            for (int lane = 0; lane < LANES; lane++) {                                                                 \
                const double value = (double)voxels[k + lane];                                                         \
                totals[lane] += value;                                                                                 \
                squares[lane] += value * value;                                                                        \
                fractions |= !WHOLE(value);                                                                            \
            }                                                                                                          \
        for (; k < n; k++) {                                                                                           \
            const double value = (double)voxels[k];                                                                    \
            totals[0] += value;                                                                                        \
            squares[0] += value * value;                                                                               \
            fractions |= !WHOLE(value);                                                                                \
        }                                                                                                              \
        Moments told = {!fractions, 0.0, 0.0};                                                                         \
        for (int lane = 0; lane < LANES; lane++) {                                                                     \
            told.total += totals[lane];                                                                                \
            told.squares += squares[lane];                                                                             \
        }                                                                                                              \
        return told;                                                                                                   \
    }

/* Of 8 or 16 bits: in whole numbers, three times as fast. A square is below 2^32; the sums of its halves over a part
   are as well, and so is that of the values. All squares of fewer than 2^32 voxels add up to less than 2^64. */
#define MOMENTS_OF_NARROW(name, type, both)                                                                            \
    FOR_EACH_PROCESSOR                                                                                                 \
    static Moments moments_##name(const type *voxels, Py_ssize_t n)                                                    \
    {                                                                                                                  \
        int64_t total = 0;                                                                                             \
        uint64_t squares = 0;                                                                                          \
        for (Py_ssize_t start = 0; start < n; start += PART) {                                                         \
            const type *part = voxels + start;                                                                         \
            const Py_ssize_t length = n - start < PART ? n - start : PART;                                             \
            both sum = 0;                                                                                              \
            uint32_t low = 0, high = 0;                                                                                \
            for (Py_ssize_t k = 0; k < length; k++) {                                                                  \
                const both value = part[k];                                                                            \
                const uint32_t square = (uint32_t)(value * value);                                                     \
                sum += value;                                                                                          \
                low += square & 0xffff;                                                                                \
                high += square >> 16;                                                                                  \
            }                                                                                                          \
            total += sum;                                                                                              \
            squares += ((uint64_t)high << 16) + low;                                                                   \
        }                                                                                                              \
        return (Moments){1, (double)total, (double)squares};                                                           \
    }

MOMENTS_OF_NARROW(i1, int8_t, int32_t)
MOMENTS_OF_NARROW(u1, uint8_t, uint32_t)
MOMENTS_OF_NARROW(i2, int16_t, int32_t)
MOMENTS_OF_NARROW(u2, uint16_t, uint32_t)
MOMENTS_OF_WIDE(i4, int32_t, IS_WHOLE_I)
MOMENTS_OF_WIDE(u4, uint32_t, IS_WHOLE_I)
MOMENTS_OF_WIDE(i8, int64_t, IS_WHOLE_I)
MOMENTS_OF_WIDE(u8, uint64_t, IS_WHOLE_I)
MOMENTS_OF_WIDE(f4, float, IS_WHOLE_F)
MOMENTS_OF_WIDE(f8, double, IS_WHOLE_F)

static void widen(Mask *told, const Py_ssize_t *at)
{
    for (int axis = 0; axis < 3; axis++) {
        told->first[axis] = at[axis] < told->first[axis] ? at[axis] : told->first[axis];
        told->last[axis] = at[axis] >= told->last[axis] ? at[axis] + 1 : told->last[axis];
    }
}

#define FOR_ALL_TYPES(DO)                                                                                              \
    DO(i1, int8_t, IS_BAD_I, IS_WHOLE_I)                                                                               \
    DO(u1, uint8_t, IS_BAD_I, IS_WHOLE_I)                                                                              \
    DO(i2, int16_t, IS_BAD_I, IS_WHOLE_I)                                                                              \
    DO(u2, uint16_t, IS_BAD_I, IS_WHOLE_I)                                                                             \
    DO(i4, int32_t, IS_BAD_I, IS_WHOLE_I)                                                                              \
    DO(u4, uint32_t, IS_BAD_I, IS_WHOLE_I)                                                                             \
    DO(i8, int64_t, IS_BAD_I, IS_WHOLE_I)                                                                              \
    DO(u8, uint64_t, IS_BAD_I, IS_WHOLE_I)                                                                             \
    DO(f4, float, IS_BAD_F, IS_WHOLE_F)                                                                                \
    DO(f8, double, IS_BAD_F, IS_WHOLE_F)

FOR_ALL_TYPES(OF_TYPE)

/* 'i', 'u' or 'f' and the bytes of an item as one number to switch on; 0 where the array holds something else. */
static int kind_of(const Py_buffer *view)
{
    const uint16_t one = 1;
    const char native = *(const unsigned char *)&one ? '<' : '>', *format = view->format ? view->format : "B";
    if (*format == native || *format == '=') /* an order that is named, and is the machine's own */
        format++;
    const char code = strlen(format) == 1 ? *format : '\0';
    if (code && strchr("fd", code))
        return 'f' * 16 + (int)view->itemsize;
    if (code && strchr("bhilq", code))
        return 'i' * 16 + (int)view->itemsize;
    return code && strchr("?BHILQ", code) ? 'u' * 16 + (int)view->itemsize : 0;
}

/* Take the one argument, a C-contiguous array of three dimensions and numbers; return its kind, or 0 with an error. */
static int take_voxels(PyObject *arguments, Py_buffer *view)
{
    PyObject *object;
    if (!PyArg_ParseTuple(arguments, "O", &object) || PyObject_GetBuffer(object, view, READ) < 0)
        return 0;
    int kind = view->ndim == 3 ? kind_of(view) : 0;
    if (kind && (uintptr_t)view->buf % (uintptr_t)view->itemsize) {
        kind = 0;
        PyErr_SetString(PyExc_ValueError, "voxels: do not begin where an item of their type may lie in memory");
        PyBuffer_Release(view);
    } else if (!kind) {
        PyErr_Format(PyExc_TypeError, "voxels: expected 3 dimensions of whole or floating numbers, got %d of format %s",
                     view->ndim, view->format ? view->format : "B");
        PyBuffer_Release(view);
    }
    return kind;
}

#define CASE(letter, bytes, call)                                                                                      \
    case letter * 16 + bytes:                                                                                          \
        told = call;                                                                                                   \
        break;
#define SWITCH(function, length)                                                                                       \
    switch (kind) {                                                                                                    \
        CASE('i', 1, function##_i1(view.buf, length))                                                                  \
        CASE('u', 1, function##_u1(view.buf, length))                                                                  \
        CASE('i', 2, function##_i2(view.buf, length))                                                                  \
        CASE('u', 2, function##_u2(view.buf, length))                                                                  \
        CASE('i', 4, function##_i4(view.buf, length))                                                                  \
        CASE('u', 4, function##_u4(view.buf, length))                                                                  \
        CASE('i', 8, function##_i8(view.buf, length))                                                                  \
        CASE('u', 8, function##_u8(view.buf, length))                                                                  \
        CASE('f', 4, function##_f4(view.buf, length))                                                                  \
        CASE('f', 8, function##_f8(view.buf, length))                                                                  \
    }

static Py_ssize_t n_voxels(const Py_buffer *view)
{
    return view->shape[0] * view->shape[1] * view->shape[2];
}

/* intensities(voxels): how many are not 0, how many are NaN or infinite, and the lowest that is a number. */
static PyObject *intensities(PyObject *module, PyObject *arguments)
{
    Py_buffer view;
    Intensities told = {0, 0, NAN};
    (void)module;
    const int kind = take_voxels(arguments, &view);
    if (!kind)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    SWITCH(intensities, n_voxels(&view))
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    return Py_BuildValue("LLd", (long long)told.n_shown, (long long)told.n_bad, told.lowest);
}

/* moments(voxels): whether all are whole numbers, their sum and the sum of their squares. */
static PyObject *moments(PyObject *module, PyObject *arguments)
{
    Py_buffer view;
    Moments told = {0, 0.0, 0.0};
    (void)module;
    const int kind = take_voxels(arguments, &view);
    if (!kind)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    SWITCH(moments, n_voxels(&view))
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    return Py_BuildValue("idd", told.whole, told.total, told.squares);
}

/* mask(voxels): how many are not 0, of them how many NaN or infinite, whether all are whole, and (first, last) of
   their box along z, y and x; without any the box is empty. */
static PyObject *mask(PyObject *module, PyObject *arguments)
{
    Py_buffer view;
    Mask told = {0};
    (void)module;
    const int kind = take_voxels(arguments, &view);
    if (!kind)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    SWITCH(mask, view.shape)
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    return Py_BuildValue("LLi((nn)(nn)(nn))", (long long)told.n_set, (long long)told.n_bad, told.whole, told.first[0],
                         told.last[0], told.first[1], told.last[1], told.first[2], told.last[2]);
}

static PyMethodDef methods[] = {{"intensities", intensities, METH_VARARGS, NULL},
                                {"moments", moments, METH_VARARGS, NULL},
                                {"mask", mask, METH_VARARGS, NULL},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_survey", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__survey(void)
{
    return PyModule_Create(&definition);
}

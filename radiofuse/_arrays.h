/* Arrays in and out of the compiled kernels: the buffer protocol of Python's stable ABI, no NumPy headers.

   A kernel takes every array as an argument (the caller allocates), checks it with take_array, works with
   the GIL released, and lets it go with release_arrays. Bit-equal results need the compiler to keep each
   multiplication and addition apart, so every kernel is built so (setup.py has the flags). */
#ifndef RADIOFUSE_ARRAYS_H
#define RADIOFUSE_ARRAYS_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#include <Python.h>
#include <stdint.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* On x86 with gcc the loops marked so are compiled twice, and the processor at hand picks. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#ifdef _MSC_VER
#define RESTRICT __restrict
#pragma fp_contract(off)
#else
#define RESTRICT restrict
#endif

enum { READ = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT, WRITE = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | PyBUF_WRITABLE };

/* Fill view with a C-contiguous array of n_dims dimensions whose items are of kind 'f' (floating), 'i' (signed)
   or 'u' (unsigned) and of itemsize bytes. Return 0, or -1 with a Python error that names the argument. */
static inline int take_array(PyObject *object, Py_buffer *view, char kind, Py_ssize_t itemsize, int n_dims, int flags,
                             const char *name)
{
    const char *codes = kind == 'f' ? "fd" : kind == 'i' ? "bhilq" : "?BHILQ";
    if (PyObject_GetBuffer(object, view, flags) < 0) {
        view->obj = NULL;
        return -1;
    }
    if (view->ndim == n_dims && view->itemsize == itemsize && view->format && strlen(view->format) == 1 &&
        strchr(codes, view->format[0]))
        return 0;
    PyErr_Format(PyExc_TypeError, "%s: expected %d dimensions of kind %c%zd, got %d of format %s and %zd bytes", name,
                 n_dims, kind, itemsize, view->ndim, view->format ? view->format : "B", view->itemsize);
    PyBuffer_Release(view);
    view->obj = NULL;
    return -1;
}

static inline void release_arrays(Py_buffer *views, int n_views)
{
    for (int k = 0; k < n_views; k++)
        if (views[k].obj)
            PyBuffer_Release(&views[k]);
}

#endif

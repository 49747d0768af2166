/* What runs, zones and dependences are described by: counts of groups of voxels by gray level and by length (or size).

   Formulas: IBSI sections 3.7, 3.8 and 3.11 (arXiv:1612.07003), which share them. pyradiomics adds eps = 2^-52 inside
   its logarithms. Sums run over the cells that are not 0, level by level: most cells of a matrix are. */
#include "../../_arrays.h"
#include "_logarithms.h"
#include <stdlib.h>

enum { /* the order of runs_and_zones.STATISTICS */
    GROUPS, VOXELS, LEVEL_NON_UNIFORMITY, LENGTH_NON_UNIFORMITY, LEVEL_VARIANCE, LENGTH_VARIANCE, ENTROPY,
    SHORT, LONG, LOW, HIGH, SHORT_LOW, SHORT_HIGH, LONG_LOW, LONG_HIGH, N_STATISTICS
};

/* One matrix, with memory for its sums. */
typedef struct {
    const double *counts;                 /* (n_levels, n_lengths) */
    const double *lengths;                /* (n_lengths,) that columns stand for */
    double *per_level, *per_length;       /* sums of counts */
    double *squares, *inverses;           /* (n_lengths,) lengths^2 and 1 / lengths^2 */
    Py_ssize_t n_levels, n_lengths;
    Logarithms *logarithms;
} Matrix;

static double sum(const double *values, Py_ssize_t n)
{
    double total = 0;
    for (Py_ssize_t k = 0; k < n; k++)
        total += values[k];
    return total;
}

/* Sums of counts by level and by length, and of counts times powers of both; emphases are not divided yet. */
static void add_up(const Matrix *of, double *statistics)
{
    memset(of->per_length, 0, (size_t)of->n_lengths * sizeof(double));
    for (Py_ssize_t level = 0; level < of->n_levels; level++) {
        const double *counts = of->counts + level * of->n_lengths;
        double number = 0, inverse = 0, square = 0, i = (double)(level + 1), low = 1 / (i * i), high = i * i;
        for (Py_ssize_t k = 0; k < of->n_lengths; k++) {
            double count = counts[k];
            if (count == 0)
                continue;
            number += count;
            inverse += count * of->inverses[k];
            square += count * of->squares[k];
            of->per_length[k] += count;
        }
        of->per_level[level] = number;
        if (number == 0)
            continue;
        statistics[SHORT] += inverse;
        statistics[LONG] += square;
        statistics[LOW] += low * number;
        statistics[HIGH] += high * number;
        statistics[SHORT_LOW] += low * inverse;
        statistics[SHORT_HIGH] += high * inverse;
        statistics[LONG_LOW] += low * square;
        statistics[LONG_HIGH] += high * square;
    }
}

/* Non-uniformity: the sum of squares of numbers over their sum. */
static double non_uniformity(const double *numbers, Py_ssize_t n, double total)
{
    double squares = 0;
    for (Py_ssize_t k = 0; k < n; k++)
        squares += numbers[k] * numbers[k];
    return squares / total;
}

/* Variance of values that occur in numbers; values NULL stands for 1, 2, 3, ... */
static double variance(const double *numbers, const double *values, Py_ssize_t n, double total)
{
    double mean = 0, squares = 0;
    for (Py_ssize_t k = 0; k < n; k++)
        mean += numbers[k] / total * (values ? values[k] : (double)(k + 1));
    for (Py_ssize_t k = 0; k < n; k++) {
        double from_mean = (values ? values[k] : (double)(k + 1)) - mean;
        squares += numbers[k] / total * (from_mean * from_mean);
    }
    return squares;
}

/* Entropy in bits of level and length together. */
static double entropy(const Matrix *of, double total)
{
    double bits = 0;
    for (Py_ssize_t level = 0; level < of->n_levels; level++) {
        const double *counts = of->counts + level * of->n_lengths;
        double of_level = 0; /* sums of sums round less */
        for (Py_ssize_t k = 0; of->per_level[level] != 0 && k < of->n_lengths; k++)
            if (counts[k] != 0) {
                double share = counts[k] / total;
                of_level -= log_of(of->logarithms, share, share);
            }
        bits += of_level;
    }
    return bits;
}

/* All statistics; of a matrix without groups, 0. */
static void describe_matrix(const Matrix *of, double *statistics)
{
    memset(statistics, 0, N_STATISTICS * sizeof *statistics);
    add_up(of, statistics);
    double total = sum(of->per_level, of->n_levels);
    if (total == 0)
        return;
    for (int name = SHORT; name < N_STATISTICS; name++)
        statistics[name] /= total;
    statistics[GROUPS] = total;
    for (Py_ssize_t k = 0; k < of->n_lengths; k++)
        statistics[VOXELS] += of->per_length[k] * of->lengths[k];
    statistics[LEVEL_NON_UNIFORMITY] = non_uniformity(of->per_level, of->n_levels, total);
    statistics[LENGTH_NON_UNIFORMITY] = non_uniformity(of->per_length, of->n_lengths, total);
    statistics[LEVEL_VARIANCE] = variance(of->per_level, NULL, of->n_levels, total);
    statistics[LENGTH_VARIANCE] = variance(of->per_length, of->lengths, of->n_lengths, total);
    statistics[ENTROPY] = entropy(of, total);
}

/* Allocate and describe n_matrices. Return 0, or -1 where memory is short. */
static int describe_all(Matrix *first, Py_ssize_t n_matrices, double added, double *statistics)
{
    size_t n_levels = (size_t)first->n_levels, n_lengths = (size_t)first->n_lengths;
    double *sums = malloc((n_levels + 3 * n_lengths + 1) * sizeof(double));
    first->logarithms = calloc(1, sizeof(Logarithms));
    int result = sums && first->logarithms ? 0 : -1;
    if (!result) {
        first->logarithms->added = added;
        first->per_level = sums;
        first->per_length = sums + n_levels;
        first->squares = first->per_length + n_lengths;
        first->inverses = first->squares + n_lengths;
        for (size_t k = 0; k < n_lengths; k++) {
            first->squares[k] = first->lengths[k] * first->lengths[k];
            first->inverses[k] = 1 / first->squares[k];
        }
        for (Py_ssize_t k = 0; k < n_matrices; k++, first->counts += n_levels * n_lengths)
            describe_matrix(first, statistics + k * N_STATISTICS);
    }
    free(first->logarithms);
    free(sums);
    return result;
}

static PyObject *describe(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *objects[3];
    Py_buffer arrays[3] = {{0}, {0}, {0}};
    double added;
    int result = -2;
    if (!PyArg_ParseTuple(args, "OOdO", &objects[0], &objects[1], &added, &objects[2]))
        return NULL;
    if (!take_array(objects[0], &arrays[0], 'f', 8, 3, READ, "counts") &&
        !take_array(objects[1], &arrays[1], 'f', 8, 1, READ, "lengths") &&
        !take_array(objects[2], &arrays[2], 'f', 8, 2, WRITE, "statistics")) {
        const Py_ssize_t *shape = arrays[0].shape;
        Matrix first = {.counts = arrays[0].buf, .lengths = arrays[1].buf, .n_levels = shape[1], .n_lengths = shape[2]};
        if (arrays[1].shape[0] == shape[2] && arrays[2].shape[0] == shape[0] && arrays[2].shape[1] == N_STATISTICS) {
            Py_BEGIN_ALLOW_THREADS
            result = describe_all(&first, shape[0], added, arrays[2].buf);
            Py_END_ALLOW_THREADS
        }
        if (result == -1)
            PyErr_NoMemory();
        if (result == -2)
            PyErr_SetString(PyExc_ValueError, "counts, lengths and statistics do not fit each other in shape");
    }
    release_arrays(arrays, 3);
    return result ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"describe", describe, METH_VARARGS,
     "describe(counts, lengths, added, statistics): fill a row a matrix; added goes into logarithms."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {.m_base = PyModuleDef_HEAD_INIT, .m_name = "_lengths", .m_methods = methods};

PyMODINIT_FUNC PyInit__lengths(void)
{
    return PyModule_Create(&module);
}

/* Counts behind rank tests of two classes: merge_classes merges the sorted values of the two classes of each column;
   count_ordered walks along columns that were sorted before, for any subset of their rows.

   Both give four integers per column: twice U (pairs in which the positive value is the larger one; a tie counts half),
   the tie term (the sum of t^3 - t over groups of t equal values), and how many values of either class are not NaN. All
   are exact up to two million rows. */
#include "../_arrays.h"
#include <math.h>

enum { ABREAST = 8 }; /* columns merged at once: alone, each would wait for its own comparisons */
enum { TWICE_U, TIE_TERM, N_POSITIVE, N_NEGATIVE, N_COUNTS };
enum { ABSENT, NEGATIVE, POSITIVE }; /* what a row is to count_ordered */

/* Each column's values of one class, sorted, NaN last, and room for one more behind them. */
typedef struct {
    double *values;
    Py_ssize_t n_values;
} Sorted;

static inline double *values_of(Sorted class, Py_ssize_t column)
{
    return class.values + column * (class.n_values + 1);
}

FOR_EACH_PROCESSOR
static int rise(const double *values, int64_t n)
{
    int64_t fall = 0;
    for (int64_t i = 0; i + 1 < n; i++)
        fall |= !(values[i] <= values[i + 1]);
    return !fall;
}

/* Put an infinity in place of each NaN and behind the values: a value that is never taken. Return how many values there
   are, -1 where one of them is infinite itself, or -2 where they do not rise. */
static int64_t close_column(Sorted class, Py_ssize_t column)
{
    double *values = values_of(class, column);
    Py_ssize_t n = class.n_values;
    values[n] = INFINITY;
    while (n > 0 && isnan(values[n - 1]))
        values[--n] = INFINITY;
    if (!rise(values, n))
        return -2;
    return n > 0 && (isinf(values[0]) || isinf(values[n - 1])) ? -1 : n;
}

static int64_t tie_term(int64_t t)
{
    return t * t * t - t;
}

/* Count a column, one group of equal values after the other. */
static void merge_groups(const double *positives, const double *negatives, int64_t *counts)
{
    const int64_t n_positive = counts[N_POSITIVE], n_negative = counts[N_NEGATIVE];
    int64_t i = 0, j = 0, twice_u = 0, ties = 0;
    while (i < n_positive || j < n_negative) {
        const double value = positives[i] < negatives[j] ? positives[i] : negatives[j];
        const int64_t first = i, below = j;
        while (positives[i] == value)
            i++;
        while (negatives[j] == value)
            j++;
        twice_u += (i - first) * (below + j);
        ties += tie_term(i - first + j - below);
    }
    counts[TWICE_U] = twice_u;
    counts[TIE_TERM] = ties;
}

FOR_EACH_PROCESSOR
static int has_repeats(const double *values, int64_t n)
{
    int64_t found = 0;
    for (int64_t i = 0; i + 1 < n; i++)
        found |= values[i] == values[i + 1];
    return found != 0;
}

/* Count ABREAST columns of n values each. The merge has no branch: the negatives taken so far are summed over all steps,
   which gives the pairs plus 0 + 1 + 2 + ... for the steps that take a negative. A negative taken before an equal
   positive betrays a tie; columns with equal values are counted again, by groups. */
static void merge_abreast(Sorted positive, Sorted negative, Py_ssize_t first, int64_t n, int64_t *counts)
{
    const double *positives[ABREAST], *negatives[ABREAST];
    int64_t taken[ABREAST] = {0}, smaller[ABREAST] = {0}, sums[ABREAST] = {0};
    for (int k = 0; k < ABREAST; k++) {
        positives[k] = values_of(positive, first + k);
        negatives[k] = values_of(negative, first + k);
    }
    for (int64_t step = 0; step < n; step++)
        for (int k = 0; k < ABREAST; k++) {
            double one = positives[k][step - taken[k]], other = negatives[k][taken[k]];
            sums[k] += taken[k];
            smaller[k] += one > other;
            taken[k] += one >= other;
        }
    for (int k = 0; k < ABREAST; k++, counts += N_COUNTS) {
        counts[TWICE_U] = 2 * sums[k] - taken[k] * (taken[k] - 1);
        counts[TIE_TERM] = 0;
        if (smaller[k] < taken[k] || has_repeats(positives[k], counts[N_POSITIVE]) ||
            has_repeats(negatives[k], counts[N_NEGATIVE]))
            merge_groups(positives[k], negatives[k], counts);
    }
}

/* Say whether ABREAST columns have equally many values. */
static int equally_long(const int64_t *counts)
{
    int64_t n = counts[N_POSITIVE] + counts[N_NEGATIVE];
    for (int k = 1; k < ABREAST; k++)
        if (counts[k * N_COUNTS + N_POSITIVE] + counts[k * N_COUNTS + N_NEGATIVE] != n)
            return 0;
    return 1;
}

enum { COUNTED = -1, UNSORTED = -2 };

/* Return the first column that holds an infinite value, COUNTED, or UNSORTED where values of a column do not rise. */
static Py_ssize_t merge_columns(Sorted positive, Sorted negative, Py_ssize_t n_columns, int64_t *counts)
{
    for (Py_ssize_t c = 0; c < n_columns; c++) {
        counts[c * N_COUNTS + N_POSITIVE] = close_column(positive, c);
        counts[c * N_COUNTS + N_NEGATIVE] = close_column(negative, c);
        if (counts[c * N_COUNTS + N_POSITIVE] == -2 || counts[c * N_COUNTS + N_NEGATIVE] == -2)
            return UNSORTED;
        if (counts[c * N_COUNTS + N_POSITIVE] < 0 || counts[c * N_COUNTS + N_NEGATIVE] < 0)
            return c;
    }
    for (Py_ssize_t c = 0, next; c < n_columns; c = next) {
        int64_t *of = counts + c * N_COUNTS;
        next = c + ABREAST;
        if (next <= n_columns && equally_long(of))
            merge_abreast(positive, negative, c, of[N_POSITIVE] + of[N_NEGATIVE], of);
        else
            for (next = c; next < n_columns && next < c + ABREAST; next++)
                merge_groups(values_of(positive, next), values_of(negative, next), counts + next * N_COUNTS);
    }
    return COUNTED;
}

/* merge_classes(positives, negatives, counts): sorted values, columns x (values + 1), the last place of each row free;
   counts: columns x 4, written. Return the first column with an infinite value, or -1. */
static PyObject *merge_classes(PyObject *module, PyObject *arguments)
{
    PyObject *objects[3], *done = NULL;
    Py_buffer views[3] = {{0}};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOO", &objects[0], &objects[1], &objects[2]))
        return NULL;
    if (take_array(objects[0], &views[0], 'f', sizeof(double), 2, WRITE, "positives") == 0 &&
        take_array(objects[1], &views[1], 'f', sizeof(double), 2, WRITE, "negatives") == 0 &&
        take_array(objects[2], &views[2], 'i', sizeof(int64_t), 2, WRITE, "counts") == 0) {
        const Py_ssize_t n_columns = views[2].shape[0];
        if (views[0].shape[0] != n_columns || views[1].shape[0] != n_columns || views[2].shape[1] != N_COUNTS ||
            views[0].shape[1] < 1 || views[1].shape[1] < 1)
            PyErr_SetString(PyExc_ValueError, "shapes do not fit: (columns, values + 1) twice, (columns, 4)");
        else {
            Sorted positive = {views[0].buf, views[0].shape[1] - 1}, negative = {views[1].buf, views[1].shape[1] - 1};
            Py_ssize_t infinite;
            Py_BEGIN_ALLOW_THREADS
            infinite = merge_columns(positive, negative, n_columns, views[2].buf);
            Py_END_ALLOW_THREADS
            if (infinite == UNSORTED)
                PyErr_SetString(PyExc_ValueError, "merge_classes: the values of a column are not sorted, NaN last");
            else
                done = PyLong_FromSsize_t(infinite);
        }
    }
    release_arrays(views, 3);
    return done;
}

/* A column in sorted order: its rows, and whether the value of each equals the one before. */
#define DEFINE_COUNT(ROW)                                                                                              \
    FOR_EACH_PROCESSOR                                                                                                 \
    static uint32_t highest_##ROW(const ROW *order, Py_ssize_t n)                                                      \
    {                                                                                                                  \
        ROW highest = 0;                                                                                               \
        for (Py_ssize_t k = 0; k < n; k++)                                                                             \
            highest = order[k] > highest ? order[k] : highest;                                                         \
        return highest;                                                                                                \
    }                                                                                                                  \
                                                                                                                       \
    static void count_distinct_##ROW(const ROW *order, int64_t n, const uint8_t *members, int64_t *counts)             \
    {                                                                                                                  \
        int64_t pairs = 0, n_positive = 0, n_negative = 0;                                                             \
        for (int64_t at = 0; at < n; at++) {                                                                           \
            int64_t member = members[order[at]], positive = member >> 1;                                               \
            pairs += n_negative & -positive;                                                                           \
            n_positive += positive;                                                                                    \
            n_negative += member & 1;                                                                                  \
        }                                                                                                              \
        counts[TWICE_U] = 2 * pairs;                                                                                   \
        counts[TIE_TERM] = 0;                                                                                          \
        counts[N_POSITIVE] = n_positive;                                                                               \
        counts[N_NEGATIVE] = n_negative;                                                                               \
    }                                                                                                                  \
                                                                                                                       \
    static void count_groups_##ROW(const ROW *order, const uint8_t *same, int64_t n, const uint8_t *members,           \
                                   int64_t *counts)                                                                    \
    {                                                                                                                  \
        int64_t twice_u = 0, ties = 0, n_positive = 0, n_negative = 0;                                                 \
        for (int64_t at = 0; at < n;) {                                                                                \
            int64_t positives = 0, negatives = 0;                                                                      \
            do {                                                                                                       \
                int64_t member = members[order[at]];                                                                   \
                positives += member >> 1;                                                                              \
                negatives += member & 1;                                                                               \
            } while (++at < n && same[at]);                                                                            \
            twice_u += positives * (2 * n_negative + negatives);                                                       \
            ties += tie_term(positives + negatives);                                                                   \
            n_positive += positives;                                                                                   \
            n_negative += negatives;                                                                                   \
        }                                                                                                              \
        counts[TWICE_U] = twice_u;                                                                                     \
        counts[TIE_TERM] = ties;                                                                                       \
        counts[N_POSITIVE] = n_positive;                                                                               \
        counts[N_NEGATIVE] = n_negative;                                                                               \
    }                                                                                                                  \
                                                                                                                       \
    static void count_columns_##ROW(const Py_buffer *order, const uint8_t *same, const int64_t *n_values,              \
                                    const uint8_t *members, int64_t *counts)                                           \
    {                                                                                                                  \
        const Py_ssize_t n_rows = order->shape[1];                                                                     \
        for (Py_ssize_t c = 0; c < order->shape[0]; c++) {                                                             \
            const ROW *rows = (const ROW *)order->buf + c * n_rows;                                                    \
            if (memchr(same + c * n_rows, 1, (size_t)n_values[c]))                                                     \
                count_groups_##ROW(rows, same + c * n_rows, n_values[c], members, counts + c * N_COUNTS);              \
            else                                                                                                       \
                count_distinct_##ROW(rows, n_values[c], members, counts + c * N_COUNTS);                               \
        }                                                                                                              \
    }

DEFINE_COUNT(uint16_t)
DEFINE_COUNT(uint32_t)

/* Say whether the arrays of count_ordered fit each other; set an error where they do not. */
static int shapes_fit(const Py_buffer *order, const Py_buffer *same, const Py_buffer *n_values, const Py_buffer *members,
                      const Py_buffer *counts)
{
    const Py_ssize_t n_columns = order->shape[0], n_rows = order->shape[1];
    int fit = same->shape[0] == n_columns && same->shape[1] == n_rows && n_values->shape[0] == n_columns &&
              members->shape[0] == n_rows && counts->shape[0] == n_columns && counts->shape[1] == N_COUNTS;
    for (Py_ssize_t c = 0; fit && c < n_columns; c++) {
        int64_t n = ((const int64_t *)n_values->buf)[c];
        fit = n >= 0 && n <= n_rows;
    }
    if (!fit)
        PyErr_SetString(PyExc_ValueError, "shapes do not fit: (columns, rows) twice, columns, rows, (columns, 4)");
    return fit;
}

/* Say whether order holds rows only; set an error where it does not. */
static int are_rows(const Py_buffer *order)
{
    const Py_ssize_t n = order->shape[0] * order->shape[1];
    const uint32_t highest = order->itemsize == sizeof(uint16_t) ? highest_uint16_t(order->buf, n)
                                                                 : highest_uint32_t(order->buf, n);
    if (n == 0 || highest < (uint64_t)order->shape[1])
        return 1;
    PyErr_SetString(PyExc_ValueError, "count_ordered: order names a row that is not there");
    return 0;
}

/* count_ordered(order, same, n_values, members, counts): columns x rows twice, values per column (those that are NaN
   come last in order), ABSENT, NEGATIVE or POSITIVE per row; counts: columns x 4, written. */
static PyObject *count_ordered(PyObject *module, PyObject *arguments)
{
    PyObject *objects[5], *done = NULL;
    Py_buffer views[5] = {{0}};
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOO", &objects[0], &objects[1], &objects[2], &objects[3], &objects[4]))
        return NULL;
    Py_ssize_t size = sizeof(uint16_t);
    if (take_array(objects[0], &views[0], 'u', size, 2, READ, "order") < 0) {
        PyErr_Clear();
        size = sizeof(uint32_t);
        if (take_array(objects[0], &views[0], 'u', size, 2, READ, "order") < 0)
            return NULL;
    }
    if (take_array(objects[1], &views[1], 'u', 1, 2, READ, "same") == 0 &&
        take_array(objects[2], &views[2], 'i', sizeof(int64_t), 1, READ, "n_values") == 0 &&
        take_array(objects[3], &views[3], 'u', 1, 1, READ, "members") == 0 &&
        take_array(objects[4], &views[4], 'i', sizeof(int64_t), 2, WRITE, "counts") == 0 &&
        shapes_fit(&views[0], &views[1], &views[2], &views[3], &views[4]) && are_rows(&views[0])) {
        Py_BEGIN_ALLOW_THREADS
        if (size == sizeof(uint16_t))
            count_columns_uint16_t(&views[0], views[1].buf, views[2].buf, views[3].buf, views[4].buf);
        else
            count_columns_uint32_t(&views[0], views[1].buf, views[2].buf, views[3].buf, views[4].buf);
        Py_END_ALLOW_THREADS
        done = Py_NewRef(Py_None);
    }
    release_arrays(views, 5);
    return done;
}

static PyMethodDef methods[] = {{"merge_classes", merge_classes, METH_VARARGS, NULL},
                                {"count_ordered", count_ordered, METH_VARARGS, NULL},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_rank_sums", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__rank_sums(void)
{
    return PyModule_Create(&module);
}

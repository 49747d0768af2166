/* What the kernels of voxel-wise features take from Python: windows, pairs of positions, weights. */
#ifndef RADIOFUSE_WINDOW_ARRAYS_H
#define RADIOFUSE_WINDOW_ARRAYS_H

#include "_windows.h"

/* Pairs of positions, offset by offset: pairs of offset k are first[k] <= pair < first[k + 1]. */
typedef struct {
    const int32_t *positions; /* (n_pairs, 2): one, and its neighbor */
    const int64_t *first;
    Py_ssize_t n_offsets;
} Pairs;

enum { GRID, CENTERS, POSITIONS, OUT, N_SHARED };

/* Read the arrays that every function takes: grid, centers, positions, n_levels, out. */
static inline int take_windows(PyObject *const *objects, Py_buffer *views, int n_levels, int n_features, Windows *windows)
{
    if (take_array(objects[GRID], &views[GRID], 'i', 4, 1, READ, "grid") < 0 ||
        take_array(objects[CENTERS], &views[CENTERS], 'i', 8, 1, READ, "centers") < 0 ||
        take_array(objects[POSITIONS], &views[POSITIONS], 'i', 8, 1, READ, "positions") < 0 ||
        take_array(objects[OUT], &views[OUT], 'f', 8, 2, WRITE, "out") < 0)
        return -1;
    *windows = (Windows){views[GRID].buf,          views[GRID].shape[0],      views[CENTERS].buf, views[POSITIONS].buf,
                         views[CENTERS].shape[0], views[POSITIONS].shape[0], n_levels};
    int fit = views[OUT].shape[0] == n_features && views[OUT].shape[1] == windows->n_centers &&
              windows->n_positions > 0 && n_levels > 0 && n_levels <= INT16_MAX;
    int64_t low = 0, high = 0;
    for (Py_ssize_t k = 0; fit && k < windows->n_positions; k++) {
        low = windows->positions[k] < low ? windows->positions[k] : low;
        high = windows->positions[k] > high ? windows->positions[k] : high;
    }
    fit = fit && most_levels(windows) <= INT32_MAX / (size_t)windows->n_positions; /* cells of a matrix are int32 */
    fit = fit && low > -windows->n_grid && high < windows->n_grid;
    for (Py_ssize_t v = 0; fit && v < windows->n_centers; v++)
        fit = windows->centers[v] >= -low && windows->centers[v] < windows->n_grid - high;
    for (Py_ssize_t k = 0; fit && k < windows->n_grid; k++)
        fit = windows->grid[k] >= 0 && windows->grid[k] <= n_levels;
    if (!fit)
        PyErr_SetString(PyExc_ValueError, "voxel maps: grid, centers, positions and out do not fit together");
    return fit ? 0 : -1;
}

/* Whether first counts up from 0 to n. */
static inline int divides(const int64_t *first, Py_ssize_t n_first, Py_ssize_t n)
{
    int fit = n_first > 0 && first[0] == 0 && first[n_first - 1] == n;
    for (Py_ssize_t k = 1; fit && k < n_first; k++)
        fit = first[k - 1] <= first[k];
    return fit;
}

static inline int are_positions(const int32_t *positions, Py_ssize_t n, Py_ssize_t n_positions)
{
    for (Py_ssize_t k = 0; k < n; k++)
        if (positions[k] < 0 || positions[k] >= n_positions)
            return 0;
    return 1;
}

enum { HEAVIEST = 1000000 }; /* far above every weight, far below what sums and squares of counts overflow from */

/* Read weights, one for each of n matrices and none negative, or None. */
static inline int take_weights(PyObject *object, Py_buffer *view, Py_ssize_t n, const double **weights)
{
    *weights = NULL;
    if (object == Py_None)
        return 0;
    if (take_array(object, view, 'f', 8, 1, READ, "weights") < 0)
        return -1;
    *weights = view->buf;
    int fit = view->shape[0] == n;
    for (Py_ssize_t k = 0; fit && k < n; k++)
        fit = (*weights)[k] >= 0 && (*weights)[k] <= HEAVIEST;
    if (!fit)
        PyErr_Format(PyExc_ValueError, "voxel maps: expected one weight per direction, from 0 to %d", HEAVIEST);
    return fit ? 0 : -1;
}

/* Read pairs (n_pairs, 2) of positions and where the pairs of each offset begin (n_offsets + 1). */
static inline int take_pairs(PyObject *const *objects, Py_buffer *views, Py_ssize_t n_positions, Pairs *pairs)
{
    if (take_array(objects[0], &views[0], 'i', 4, 2, READ, "pairs") < 0 ||
        take_array(objects[1], &views[1], 'i', 8, 1, READ, "first") < 0)
        return -1;
    *pairs = (Pairs){views[0].buf, views[1].buf, views[1].shape[0] - 1};
    if (views[0].shape[1] == 2 && divides(pairs->first, views[1].shape[0], views[0].shape[0]) &&
        are_positions(pairs->positions, 2 * views[0].shape[0], n_positions))
        return 0;
    PyErr_SetString(PyExc_ValueError, "voxel maps: pairs, first and positions do not fit together");
    return -1;
}

/* Let the arrays go; None, or the error that is set, or that memory ran out. */
static inline PyObject *finish(Py_buffer *views, int n_views, int taken, int done)
{
    release_arrays(views, n_views);
    if (!taken)
        return NULL;
    if (!done)
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

#endif

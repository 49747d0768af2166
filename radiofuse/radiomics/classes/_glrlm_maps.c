/* Runs in the window round every voxel: voxels of one level in a row. */
#include "_sizes.h"
#include "_window_arrays.h"

/* Lines of positions, direction by direction: lines of direction k are of_direction[k] <= line <
   of_direction[k + 1], positions of a line first[line] <= place < first[line + 1]. */
typedef struct {
    const int32_t *positions;
    const int64_t *first, *of_direction;
    Py_ssize_t n_directions;
} Lines;

static void count_line(const Window *window, const int32_t *positions, int64_t n, double weight, Sizes *sizes)
{
    int32_t rank = ABSENT;
    int length = 0;
    for (int64_t k = 0; k < n; k++) {
        int32_t next = window->ranks[positions[k]];
        if (next == rank) {
            length++;
            continue;
        }
        if (rank != ABSENT)
            count_size(sizes, rank, length, weight);
        rank = next;
        length = 1;
    }
    if (rank != ABSENT)
        count_size(sizes, rank, length, weight);
}

static int shares_line(const Window *window, const Lines *lines, Py_ssize_t direction)
{
    for (int64_t line = lines->of_direction[direction]; line < lines->of_direction[direction + 1]; line++) {
        int n_present = 0;
        for (int64_t k = lines->first[line]; k < lines->first[line + 1]; k++)
            n_present += window->ranks[lines->positions[k]] != ABSENT;
        if (n_present > 1)
            return 1;
    }
    return 0;
}

/* A direction with at most one voxel on every line has no runs. */
static void count_runs(const Window *window, const Lines *lines, Py_ssize_t direction, double weight, Sizes *sizes)
{
    if (shares_line(window, lines, direction))
        for (int64_t line = lines->of_direction[direction]; line < lines->of_direction[direction + 1]; line++)
            count_line(window, lines->positions + lines->first[line], lines->first[line + 1] - lines->first[line],
                       weight, sizes);
}

static int map_glrlm(const Windows *windows, const Lines *lines, const double *weights, double *out)
{
    size_t n_matrices = weights ? 1 : (size_t)lines->n_directions;
    Window window = {0};
    Sizes *sizes = calloc(1, sizeof *sizes);
    double *f = malloc((n_matrices + 1) * N_SIZE * sizeof(double)), *terms = malloc((n_matrices + 1) * sizeof(double));
    int done = new_window(windows, &window) && sizes && f && terms &&
               new_sizes(sizes, most_levels(windows), (size_t)windows->n_positions);
    for (Py_ssize_t v = 0; done && v < windows->n_centers; v++) {
        read_window(windows, v, &window);
        for (Py_ssize_t k = 0; k < lines->n_directions; k++) {
            count_runs(&window, lines, k, weights ? weights[k] : 1, sizes);
            if (!weights)
                describe_sizes(&window, sizes, f + N_SIZE * k);
        }
        if (weights)
            describe_sizes(&window, sizes, f);
        for (int feature = 0; feature < N_SIZE; feature++) {
            for (size_t k = 0; k < n_matrices; k++)
                terms[k] = f[k * N_SIZE + (size_t)feature];
            out[feature * windows->n_centers + v] = mean_of_known(terms, (Py_ssize_t)n_matrices);
        }
    }
    free_window(&window);
    free_sizes(sizes);
    free(f);
    free(terms);
    return done;
}

static int take_lines(PyObject *const *objects, Py_buffer *views, Py_ssize_t n_positions, Lines *lines)
{
    if (take_array(objects[0], &views[0], 'i', 4, 1, READ, "lines") < 0 ||
        take_array(objects[1], &views[1], 'i', 8, 1, READ, "first") < 0 ||
        take_array(objects[2], &views[2], 'i', 8, 1, READ, "of_direction") < 0)
        return -1;
    *lines = (Lines){views[0].buf, views[1].buf, views[2].buf, views[2].shape[0] - 1};
    int fit = divides(lines->first, views[1].shape[0], views[0].shape[0]) &&
              divides(lines->of_direction, views[2].shape[0], views[1].shape[0] - 1) &&
              are_positions(lines->positions, views[0].shape[0], n_positions);
    for (Py_ssize_t k = 0; fit && k + 1 < views[1].shape[0]; k++)
        fit = lines->first[k + 1] - lines->first[k] <= n_positions;
    if (!fit)
        PyErr_SetString(PyExc_ValueError, "voxel maps: lines, first, of_direction and positions do not fit together");
    return fit ? 0 : -1;
}

/* describe(grid, centers, positions, out, n_levels, lines, first, of_direction, weights or None) */
static PyObject *describe(PyObject *module, PyObject *arguments)
{
    PyObject *objects[N_SHARED + 4];
    Py_buffer views[N_SHARED + 4] = {0};
    Windows windows;
    Lines lines;
    const double *weights;
    int n_levels, taken = 0, done = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOiOOOO", &objects[0], &objects[1], &objects[2], &objects[3], &n_levels,
                          &objects[4], &objects[5], &objects[6], &objects[7]))
        return NULL;
    taken = take_windows(objects, views, n_levels, N_SIZE, &windows) == 0 &&
            take_lines(objects + 4, views + 4, windows.n_positions, &lines) == 0 &&
            take_weights(objects[7], &views[7], lines.n_directions, &weights) == 0;
    Py_BEGIN_ALLOW_THREADS
    done = taken && map_glrlm(&windows, &lines, weights, views[OUT].buf);
    Py_END_ALLOW_THREADS
    return finish(views, N_SHARED + 4, taken, done);
}

static PyMethodDef methods[] = {{"describe", describe, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_glrlm_maps", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__glrlm_maps(void)
{
    return PyModule_Create(&definition);
}

/* Co-occurrence features of the window round every voxel. */
#include "_cooccurrence.h"
#include "_eigenvalues.h"
#include "_window_arrays.h"

#define E 2.718281828459045

typedef struct {
    const double *weights; /* of each offset, whose matrices are then added; NULL keeps the matrices apart */
    int symmetrical, wants_entropies, wants_mcc;
} CooccurrenceChoice;

/* One matrix, and room to work. */
typedef struct {
    double *counts; /* (n_levels, n_levels) of a window; 0 between uses */
    Cooccurrence matrix;
    Logarithms logarithms;
    double *square, *scratch; /* (n, n); 4 n */
    int32_t *place;           /* n */
} Room;

static int new_room(const Windows *windows, Room *room)
{
    size_t n = most_levels(windows), span = (size_t)windows->n_levels;
    Cooccurrence *matrix = &room->matrix;
    room->counts = calloc(n * n, sizeof(double));
    room->square = malloc(n * n * sizeof(double));
    room->scratch = malloc(4 * n * sizeof(double));
    room->place = malloc(n * sizeof(int32_t));
    room->logarithms.added = EPSILON;
    *matrix = (Cooccurrence){.highest = windows->n_levels, .logarithms = &room->logarithms,
                             .cells = malloc(n * n * sizeof(Cell)),
                             .rows = malloc(n * sizeof(double)), .columns = malloc(n * sizeof(double)),
                             .sums = malloc((2 * span + 1) * sizeof(double)),
                             .differences = malloc((span + 1) * sizeof(double))};
    return room->counts && room->square && room->scratch && room->place && matrix->cells && matrix->rows &&
           matrix->columns && matrix->sums && matrix->differences;
}

static void free_room(Room *room)
{
    if (!room)
        return;
    void *arrays[] = {room->counts,      room->square,      room->scratch,        room->place, room->matrix.cells,
                      room->matrix.rows, room->matrix.sums, room->matrix.columns, room->matrix.differences};
    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++)
        free(arrays[k]);
    free(room);
}

static void count_pairs(const Window *window, const Pairs *pairs, Py_ssize_t offset, double weight, int symmetrical,
                        double *counts)
{
    for (int64_t k = pairs->first[offset]; k < pairs->first[offset + 1]; k++) {
        int32_t i = window->ranks[pairs->positions[2 * k]], j = window->ranks[pairs->positions[2 * k + 1]];
        if (i == ABSENT || j == ABSENT)
            continue;
        counts[i * window->n_levels + j] += weight;
        if (symmetrical)
            counts[j * window->n_levels + i] += weight;
    }
}

/* Take the cells of the counts, which are left 0; return their total. */
static double take_cells(double *counts, Cooccurrence *to)
{
    double total = 0;
    to->n_cells = 0;
    for (int i = 0; i < to->n_levels; i++)
        for (int j = 0; j < to->n_levels; j++) {
            double *count = counts + i * to->n_levels + j;
            if (*count == 0)
                continue;
            to->cells[to->n_cells++] = (Cell){i, j, *count};
            total += *count;
            *count = 0;
        }
    return total;
}

/* Contrast and cluster features, of the cells: a window has few. */
static void describe_contrasts(const Cooccurrence *of, double *features)
{
    double contrast = 0, second = 0, third = 0, fourth = 0;
    for (Py_ssize_t c = 0; c < of->n_cells; c++) {
        double i = of->levels[of->cells[c].i], j = of->levels[of->cells[c].j], p = of->cells[c].p;
        double d = i + j - of->mean_i - of->mean_j;
        contrast += p * ((i - j) * (i - j));
        second += p * (d * d);
        third += p * (d * d * d);
        fourth += p * ((d * d) * (d * d));
    }
    features[CONTRAST] = contrast;
    features[CLUSTER_TENDENCY] = second;
    features[CLUSTER_SHADE] = third;
    features[CLUSTER_PROMINENCE] = fourth;
}

/* Joint entropy and the two information measures of correlation (Haralick et al. 1973, f9, f12, f13). */
static void describe_information(const Cooccurrence *of, double *f)
{
    double hxy = 0, hx = 0, hy = 0, hxy1 = 0, hxy2 = 0;
    Logarithms *kept = of->logarithms;
    for (Py_ssize_t k = 0; k < of->n_cells; k++) {
        hxy += log_of(kept, of->cells[k].p, of->cells[k].p);
        hxy1 += log_of(kept, of->rows[of->cells[k].i] * of->columns[of->cells[k].j], of->cells[k].p);
    }
    for (int i = 0; i < of->n_levels; i++) {
        hx += log_of(kept, of->rows[i], of->rows[i]);
        hy += log_of(kept, of->columns[i], of->columns[i]);
        for (int j = 0; j < of->n_levels; j++) {
            double p = of->rows[i] * of->columns[j];
            if (p > 0)
                hxy2 += log_of(kept, p, p);
        }
    }
    hxy = -hxy, hx = -hx, hy = -hy, hxy1 = -hxy1, hxy2 = -hxy2;
    double larger = fmax(hx, hy);
    f[JOINT_ENTROPY] = hxy;
    f[IMC1] = larger == 0 ? 0 : (hxy - hxy1) / larger;
    f[IMC2] = hxy2 == hxy ? 0 : sqrt(1 - pow(E, -2 * (hxy2 - hxy))); /* NaN where rounding makes hxy2 the smaller */
}

/* Write the matrix P / sqrt(px py), over the levels that occur, to a (n, n) and sqrt(px) to v; return n. */
static int scale_by_margins(const Cooccurrence *of, int32_t *place, double *a, double *v)
{
    int n = 0;
    for (int i = 0; i < of->n_levels; i++)
        if (of->rows[i] > 0 || of->columns[i] > 0) {
            v[n] = sqrt(of->rows[i]);
            place[i] = n++;
        }
    memset(a, 0, (size_t)n * (size_t)n * sizeof(double));
    for (Py_ssize_t k = 0; k < of->n_cells; k++) {
        int i = of->cells[k].i, j = of->cells[k].j;
        if (of->cells[k].p > 0) /* a weight may be so small that a probability is 0, and its row too */
            a[place[i] * n + place[j]] = of->cells[k].p / sqrt(of->rows[i] * of->columns[j]);
    }
    return n;
}

/* a := a times its transpose; b: room for (n, n). */
static void multiply_by_transpose(double *a, int n, double *b)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double product = 0;
            for (int k = 0; k < n; k++)
                product += a[i * n + k] * a[j * n + k];
            b[i * n + j] = product;
        }
    memcpy(a, b, (size_t)n * (size_t)n * sizeof(double));
}

/* The eigenvalue 1 of symmetric a (n, n) has the unit eigenvector v: turn v to the first axis by a reflection and
   cut off the first row and column. a is overwritten by (n - 1, n - 1). */
static void deflate(double *a, int n, const double *v, double *w)
{
    double scale = 1 / (1 + v[0]), overlap = 0; /* I - scale u u', u = v + (1, 0, ..., 0) */
    for (int i = 0; i < n; i++) {
        w[i] = scale * (v[i] + a[i * n]); /* a u, as a v = v */
        overlap += w[i] * (v[i] + (i == 0));
    }
    for (int i = 0; i < n; i++)
        w[i] -= scale / 2 * overlap * (v[i] + (i == 0));
    for (int i = 1; i < n; i++)
        for (int j = 1; j < n; j++)
            a[(i - 1) * (n - 1) + j - 1] = a[i * n + j] - v[i] * w[j] - w[i] * v[j];
}

#define ROUNDING 1e-14 /* squared singular values of matrices of small counts are 0 or far above */

/* Maximal correlation coefficient: the second singular value of P / sqrt(px py) (Haralick et al. 1973, f14). */
static double maximal_correlation(Room *room, int symmetrical)
{
    double *v = room->scratch, *a = room->square;
    int n = scale_by_margins(&room->matrix, room->place, a, v);
    if (n < 2)
        return 0;
    if (!symmetrical) {
        multiply_by_transpose(a, n, room->counts);
        memset(room->counts, 0, (size_t)n * (size_t)n * sizeof(double));
    }
    deflate(a, n, v, v + n);
    double second = spectral_radius(a, n - 1, v, v + n, v + 2 * n, v + 3 * n);
    return symmetrical ? second : second < ROUNDING ? 0 : sqrt(second);
}

static void describe_window(const Window *window, Room *room, const CooccurrenceChoice *choice, double *f)
{
    Cooccurrence *matrix = &room->matrix;
    matrix->levels = window->levels;
    matrix->n_levels = window->n_levels;
    double total = take_cells(room->counts, matrix);
    for (int k = 0; k < N_GLCM; k++)
        f[k] = matrix->n_cells ? 0 : NAN;
    if (!matrix->n_cells)
        return;
    normalize(matrix, total);
    describe_cells(matrix, f);
    describe_contrasts(matrix, f);
    describe_differences(matrix, f);
    describe_sums(matrix, f);
    if (choice->wants_entropies)
        describe_information(matrix, f);
    if (choice->wants_mcc)
        f[MCC] = maximal_correlation(room, choice->symmetrical);
}

/* Whether any window has two voxels at this offset from each other. */
static int occurs(const Windows *windows, const Pairs *pairs, Py_ssize_t offset)
{
    for (Py_ssize_t v = 0; v < windows->n_centers; v++) {
        const int32_t *grid = windows->grid + windows->centers[v];
        for (int64_t k = pairs->first[offset]; k < pairs->first[offset + 1]; k++)
            if (grid[windows->positions[pairs->positions[2 * k]]] &&
                grid[windows->positions[pairs->positions[2 * k + 1]]])
                return 1;
    }
    return 0;
}

/* Means over the matrices, f: (n_matrices, N_GLCM); pyradiomics' joint average is unknown where one matrix is empty. */
static void average_matrices(const double *f, Py_ssize_t n_matrices, double *terms, double *out, Py_ssize_t stride)
{
    for (int feature = 0; feature < N_GLCM; feature++) {
        for (Py_ssize_t k = 0; k < n_matrices; k++)
            terms[k] = f[k * N_GLCM + feature];
        out[feature * stride] =
            feature == JOINT_AVERAGE ? sum(terms, n_matrices) / (double)n_matrices : mean_of_known(terms, n_matrices);
    }
}

static int map_glcm(const Windows *windows, const Pairs *pairs, const CooccurrenceChoice *choice, double *out)
{
    size_t n_matrices = choice->weights ? 1 : (size_t)pairs->n_offsets;
    Window window = {0};
    Room *room = calloc(1, sizeof *room);
    char *used = calloc((size_t)pairs->n_offsets + 1, 1);
    double *f = malloc((n_matrices + 1) * N_GLCM * sizeof(double)), *terms = malloc((n_matrices + 1) * sizeof(double));
    int done = new_window(windows, &window) && room && used && f && terms &&
               new_room(windows, room);
    for (Py_ssize_t k = 0; done && k < pairs->n_offsets; k++)
        used[k] = (char)occurs(windows, pairs, k);
    for (Py_ssize_t v = 0; done && v < windows->n_centers; v++) {
        Py_ssize_t n_used = 0;
        read_window(windows, v, &window);
        for (Py_ssize_t k = 0; k < pairs->n_offsets; k++) {
            if (!used[k])
                continue;
            count_pairs(&window, pairs, k, choice->weights ? choice->weights[k] : 1, choice->symmetrical,
                        room->counts);
            if (!choice->weights)
                describe_window(&window, room, choice, f + N_GLCM * n_used++);
        }
        if (choice->weights)
            describe_window(&window, room, choice, f + N_GLCM * n_used++);
        average_matrices(f, n_used, terms, out + v, windows->n_centers);
    }
    free_window(&window);
    free_room(room);
    free(used);
    free(f);
    free(terms);
    return done;
}

/* describe(grid, centers, positions, out, n_levels, pairs, first, weights or None, symmetrical, entropies, mcc) */
static PyObject *describe(PyObject *module, PyObject *arguments)
{
    PyObject *objects[N_SHARED + 3];
    Py_buffer views[N_SHARED + 3] = {0};
    Windows windows;
    Pairs pairs;
    CooccurrenceChoice choice;
    int n_levels, taken = 0, done = 0;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOiOOOppp", &objects[0], &objects[1], &objects[2], &objects[3], &n_levels,
                          &objects[4], &objects[5], &objects[6], &choice.symmetrical, &choice.wants_entropies,
                          &choice.wants_mcc))
        return NULL;
    taken = take_windows(objects, views, n_levels, N_GLCM, &windows) == 0 &&
            take_pairs(objects + 4, views + 4, windows.n_positions, &pairs) == 0 &&
            take_weights(objects[6], &views[6], pairs.n_offsets, &choice.weights) == 0;
    Py_BEGIN_ALLOW_THREADS
    done = taken && map_glcm(&windows, &pairs, &choice, views[OUT].buf);
    Py_END_ALLOW_THREADS
    return finish(views, N_SHARED + 3, taken, done);
}

static PyMethodDef methods[] = {{"describe", describe, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_glcm_maps", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__glcm_maps(void)
{
    return PyModule_Create(&definition);
}

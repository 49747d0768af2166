/* Features of a region's co-occurrence matrices, one group of formulas after the other, for every direction. */
#include "_cooccurrence.h"
#include "_maximal_correlation.h"

static const double PER_LN2 = 1.4426950408889634; /* log2(p + eps) = log2(p) + PER_LN2 * eps / p, to second order */
static const double INDEPENDENT = 1e-13;          /* bits of mutual information that rounding alone can leave */

enum { BLOCK = 8 }; /* counts that are looked at together */

/* Make cells of the weighted sum of all directions' counts. Return the total. */
static double gather_weighted(const int32_t *counts, Py_ssize_t n_directions, const double *weights, int symmetrical,
                              Cooccurrence *to)
{
    Py_ssize_t n = to->n_levels;
    double total = 0;
    to->n_cells = 0;
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < n; j++) {
            double value = 0;
            for (Py_ssize_t k = 0; k < n_directions; k++) {
                const int32_t *of = counts + k * n * n;
                int64_t count = of[i * n + j] + (symmetrical ? (int64_t)of[j * n + i] : 0);
                value += weights[k] * (double)count;
            }
            if (value == 0)
                continue;
            to->cells[to->n_cells++] = (Cell){i, j, value};
            total += value;
        }
    return total;
}

/* Whether any of BLOCK counts is not 0. Most counts of many levels are 0. */
static inline int occurs(const uint32_t *counts)
{
    uint64_t pairs[BLOCK / 2];
    memcpy(pairs, counts, sizeof pairs);
    return ((pairs[0] | pairs[1]) | (pairs[2] | pairs[3])) != 0;
}

/* Make cells of one direction's counts, in row order. Return the total. */
static double gather(const uint32_t *counts, Cooccurrence *to)
{
    Py_ssize_t n = to->n_levels, n_cells = 0;
    uint64_t total = 0;
    for (int32_t i = 0; i < n; i++, counts += n)
        for (Py_ssize_t j = 0; j < n;) {
            Py_ssize_t stop = n - j < BLOCK ? n : j + BLOCK;
            if (stop == j + BLOCK && !occurs(counts + j)) {
                j = stop;
                continue;
            }
            for (; j < stop; j++) { /* no branch: the next cell is written over one that is 0 */
                to->cells[n_cells] = (Cell){i, (int32_t)j, (double)counts[j]};
                n_cells += counts[j] != 0;
                total += counts[j];
            }
        }
    to->n_cells = n_cells;
    return (double)total;
}

/* Make cells of one direction's counts in both orders; joined is written over. Return the total. */
static double gather_symmetrical(const uint32_t *counts, uint32_t *joined, Cooccurrence *to)
{
    Py_ssize_t n = to->n_levels;
    gather(counts, to);
    memset(joined, 0, (size_t)(n * n) * sizeof *joined);
    for (Py_ssize_t c = 0; c < to->n_cells; c++) {
        Py_ssize_t i = to->cells[c].i, j = to->cells[c].j;
        joined[i * n + j] += counts[i * n + j];
        joined[j * n + i] += counts[i * n + j];
    }
    return gather(joined, to);
}

/* Cluster tendency, shade and prominence (DG8W, 7NFM, AE86) of the sums, contrast (ACUI) of the differences: a sum
   over 2 n and n terms where one over the cells, as of windows, has n^2. */
static void describe_contrasts(const Cooccurrence *of, double *features)
{
    double second = 0, third = 0, fourth = 0, contrast = 0;
    for (int k = 0; k < of->n_sums; k++) {
        double p = of->sums[k], from_mean = (double)(k + 2) - of->mean_i - of->mean_j;
        if (p == 0)
            continue;
        second += p * (from_mean * from_mean);
        third += p * (from_mean * from_mean * from_mean);
        fourth += p * (from_mean * from_mean * from_mean * from_mean);
    }
    for (int k = 0; k < of->n_differences; k++)
        contrast += of->differences[k] * ((double)k * k);
    features[CLUSTER_TENDENCY] = second;
    features[CLUSTER_SHADE] = third;
    features[CLUSTER_PROMINENCE] = fourth;
    features[CONTRAST] = contrast;
}

/* Entropy of a marginal without eps; n_met becomes the number of its levels. */
static double marginal_entropy(const double *p, Py_ssize_t n, double *n_met)
{
    double entropy = 0;
    *n_met = 0;
    for (Py_ssize_t i = 0; i < n; i++)
        if (p[i] > 0) {
            entropy -= p[i] * log2(p[i]);
            *n_met += 1;
        }
    return entropy;
}

/* Joint entropy (TU9B) and information correlation 1 (R8DG) and 2 (JN9H).
   HXY1 and HXY2 sum log2(p_i p_j + eps) = log2(p_i) + log2(p_j) + log2(1 + eps / (p_i p_j)) over pairs of levels, so
   they follow from the marginals' entropies; the last term is eps / (p_i p_j ln 2) as long as that is small. Mutual
   information below 0 is rounding: the levels are independent, and IMC2 is 0. */
static void describe_information(const Cooccurrence *of, double *features)
{
    double n_i, n_j, joint = 0, shares = 0, added = of->logarithms->added, bit = PER_LN2 * added;
    double of_i = marginal_entropy(of->rows, of->n_levels, &n_i);
    double of_j = marginal_entropy(of->columns, of->n_levels, &n_j);
    for (Py_ssize_t c = 0; c < of->n_cells; c++) {
        const Cell *cell = &of->cells[c];
        joint -= log_of(of->exact, cell->p, cell->p);
        double share = added / (of->rows[cell->i] * of->columns[cell->j]);
        shares += cell->p * (share < 1e-6 ? share : log1p(share)); /* large only where a weight is minute */
    }
    joint -= bit * (double)of->n_cells;
    double hxy1 = of_i + of_j - PER_LN2 * shares, hxy2 = of_i + of_j - bit * n_i * n_j;
    double highest = fmax(of_i - bit * n_i, of_j - bit * n_j);
    features[JOINT_ENTROPY] = joint;
    features[IMC1] = highest == 0 ? 0 : (joint - hxy1) / highest;
    features[IMC2] = hxy2 - joint < INDEPENDENT ? 0 : sqrt(1 - exp(-2 * (hxy2 - joint)));
}

/* Iteration is NULL where the maximal correlation is not wanted. */
static void describe(const Cooccurrence *matrix, Iteration *iteration, int is_flat, double *features)
{
    describe_cells(matrix, features);
    describe_sums(matrix, features);
    describe_differences(matrix, features);
    describe_contrasts(matrix, features);
    describe_information(matrix, features);
    if (iteration)
        features[MCC] = is_flat ? 1 : maximal_correlation(iteration);
}

typedef struct {
    const int32_t *counts;
    const double *weights;
    Py_ssize_t n_directions, n_levels;
    int symmetrical, with_mcc, is_flat; /* is_flat: one level in the region, with or without neighbors */
    double eps, *features; /* (n_directions, N_GLCM), or (1, N_GLCM) with weights */
} Task;

/* Cells of direction k, or of all directions' sum; joined holds (n_levels, n_levels). Return their total. */
static double gather_direction(const Task *task, Py_ssize_t k, uint32_t *joined, Cooccurrence *to)
{
    Py_ssize_t n = task->n_levels;
    const uint32_t *counts = (const uint32_t *)task->counts + k * n * n;
    if (task->weights)
        return gather_weighted(task->counts, task->n_directions, task->weights, task->symmetrical, to);
    return task->symmetrical ? gather_symmetrical(counts, joined, to) : gather(counts, to);
}

static void describe_directions(const Task *task, uint32_t *joined, Cooccurrence *matrix, Iteration *iteration)
{
    for (Py_ssize_t k = 0; k < (task->weights ? 1 : task->n_directions); k++) {
        double total = gather_direction(task, k, joined, matrix);
        double *features = task->features + k * N_GLCM;
        for (int name = 0; name < N_GLCM; name++)
            features[name] = total ? 0 : NAN;
        if (total) {
            normalize(matrix, total);
            describe(matrix, task->with_mcc ? iteration : NULL, task->is_flat, features);
        }
    }
}

/* Allocate and compute. Return 0, or -1 where memory is short. */
static int run(const Task *task)
{
    size_t n = (size_t)task->n_levels, size = n * n + 1;
    Cell *cells = malloc(size * sizeof(Cell));
    double *vectors = malloc((11 * n + 1) * sizeof(double));
    double *matrices = task->with_mcc ? malloc(2 * size * sizeof(double)) : NULL;
    Iteration *iteration = malloc(sizeof(Iteration));
    Logarithms *logarithms = calloc(2, sizeof(Logarithms));
    int32_t *levels = malloc(3 * n * sizeof(int32_t)); /* and the parts of rows and columns */
    uint32_t *joined = malloc(size * sizeof(uint32_t));
    int result = cells && vectors && (matrices || !task->with_mcc) && iteration && logarithms && levels && joined ? 0 : -1;
    if (!result) {
        Cooccurrence matrix = {.levels = levels, .n_levels = (int)n, .highest = (int32_t)n, .cells = cells,
                               .rows = vectors, .columns = vectors + n, .sums = vectors + 2 * n,
                               .differences = vectors + 4 * n, .logarithms = logarithms, .exact = logarithms + 1};
        logarithms->added = task->eps;
        for (size_t k = 0; k < n; k++)
            levels[k] = (int32_t)k + 1;
        iteration->matrix = &matrix;
        iteration->entries = matrices;
        iteration->transposed = task->symmetrical || !matrices ? matrices : matrices + size;
        iteration->is_symmetric = task->symmetrical;
        iteration->known = vectors + 5 * n;
        iteration->here = vectors + 6 * n;
        iteration->before = vectors + 7 * n;
        iteration->next = vectors + 8 * n;
        iteration->between = vectors + 9 * n;
        iteration->sums = vectors + 10 * n;
        iteration->parts = levels + n;
        describe_directions(task, joined, &matrix, iteration);
    }
    free(cells);
    free(vectors);
    free(matrices);
    free(iteration);
    free(logarithms);
    free(levels);
    free(joined);
    return result;
}

static PyObject *features_of_directions(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *objects[3];
    Py_buffer arrays[3] = {{0}, {0}, {0}};
    Task task = {0};
    int result = -2;
    if (!PyArg_ParseTuple(args, "OOpdppO", &objects[0], &objects[1], &task.symmetrical, &task.eps, &task.with_mcc,
                          &task.is_flat, &objects[2]))
        return NULL;
    if (!take_array(objects[0], &arrays[0], 'i', 4, 3, READ, "counts") &&
        (objects[1] == Py_None || !take_array(objects[1], &arrays[1], 'f', 8, 1, READ, "weights")) &&
        !take_array(objects[2], &arrays[2], 'f', 8, 2, WRITE, "features")) {
        task.counts = arrays[0].buf;
        task.weights = arrays[1].buf;
        task.features = arrays[2].buf;
        task.n_directions = arrays[0].shape[0];
        task.n_levels = arrays[0].shape[1];
        if (arrays[0].shape[2] == task.n_levels && task.n_levels > 0 && task.n_levels <= INT16_MAX &&
            (!task.weights || arrays[1].shape[0] == task.n_directions) && arrays[2].shape[1] == N_GLCM &&
            arrays[2].shape[0] == (task.weights ? 1 : task.n_directions)) {
            Py_BEGIN_ALLOW_THREADS
            result = run(&task);
            Py_END_ALLOW_THREADS
        }
        if (result == -1)
            PyErr_NoMemory();
        if (result == -2)
            PyErr_SetString(PyExc_ValueError, "counts, weights and features do not fit each other in shape");
    }
    release_arrays(arrays, 3);
    return result ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"features_of_directions", features_of_directions, METH_VARARGS,
     "features_of_directions(counts, weights, symmetrical, eps, with_mcc, is_flat, features): fill a row a direction."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {.m_base = PyModuleDef_HEAD_INIT, .m_name = "_glcm", .m_methods = methods};

PyMODINIT_FUNC PyInit__glcm(void)
{
    return PyModule_Create(&module);
}

/* Features of co-occurrence matrices, one group of formulas after the other, for every direction.

   Formulas: Haralick et al. 1973 (doi:10.1109/TSMC.1973.4309314) and IBSI section 3.6 (arXiv:1612.07003); four-letter
   codes are IBSI's. pyradiomics adds eps = 2^-52 inside its logarithms and below its fractions, and so do these. Sums
   run over the cells in row order, as pyradiomics' do. */
#include "../../_arrays.h"
#include <math.h>
#include <stdlib.h>

/* In alphabetical order of pyradiomics' names. */
enum {
    AUTOCORRELATION, CLUSTER_PROMINENCE, CLUSTER_SHADE, CLUSTER_TENDENCY, CONTRAST, CORRELATION, DIFFERENCE_AVERAGE,
    DIFFERENCE_ENTROPY, DIFFERENCE_VARIANCE, ID, IDM, IDMN, IDN, IMC1, IMC2, INVERSE_VARIANCE, JOINT_AVERAGE,
    JOINT_ENERGY, JOINT_ENTROPY, MCC, MAXIMUM_PROBABILITY, SUM_AVERAGE, SUM_ENTROPY, SUM_SQUARES, N_FEATURES
};

static const double PER_LN2 = 1.4426950408889634; /* log2(p + eps) = log2(p) + PER_LN2 * eps / p, to second order */
static const double INDEPENDENT = 1e-13;          /* bits of mutual information that rounding alone can leave */

/* A cell of the matrix that is not 0: level i beside level j (counted from 0) with probability p. */
typedef struct {
    int32_t i, j;
    double p;
} Cell;

/* One direction's probabilities. */
typedef struct {
    Py_ssize_t n_levels, n_cells;
    Cell *cells;                                          /* in row order */
    double *rows, *columns, *sums, *differences;          /* marginals of i, j, i + j and |i - j| */
    double mean_i, mean_j, eps;
} Pairs;

/* Make cells of the counts, or of the weighted sum of all directions' counts. Return the total. */
static double gather(const int32_t *counts, Py_ssize_t n_directions, const double *weights, int symmetrical, Pairs *to)
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
                value += weights ? weights[k] * (double)count : (double)count;
            }
            if (value == 0)
                continue;
            to->cells[to->n_cells++] = (Cell){i, j, value};
            total += value;
        }
    return total;
}

/* Probabilities, their marginals (IBSI 3.6.1) and means. */
static void normalize(Pairs *of, double total)
{
    Py_ssize_t n = of->n_levels;
    memset(of->rows, 0, (size_t)(5 * n) * sizeof(double)); /* all four marginals */
    of->mean_i = of->mean_j = 0;
    for (Py_ssize_t c = 0; c < of->n_cells; c++) {
        Cell *cell = &of->cells[c];
        cell->p /= total;
        of->rows[cell->i] += cell->p;
        of->columns[cell->j] += cell->p;
        of->sums[cell->i + cell->j] += cell->p;
        of->differences[abs(cell->i - cell->j)] += cell->p;
        of->mean_i += (cell->i + 1) * cell->p;
        of->mean_j += (cell->j + 1) * cell->p;
    }
}

/* Joint maximum (GYBY), angular second moment (8ZQL), autocorrelation (QWB0), joint average (60VM). */
static void describe_cells(const Pairs *of, double *features)
{
    double maximum = 0, energy = 0, autocorrelation = 0;
    for (Py_ssize_t c = 0; c < of->n_cells; c++) {
        double p = of->cells[c].p;
        maximum = p > maximum ? p : maximum;
        energy += p * p;
        autocorrelation += p * ((of->cells[c].i + 1.0) * (of->cells[c].j + 1.0));
    }
    features[MAXIMUM_PROBABILITY] = maximum;
    features[JOINT_ENERGY] = energy;
    features[AUTOCORRELATION] = autocorrelation;
    features[JOINT_AVERAGE] = of->mean_i;
}

/* Joint variance (UR99) and correlation (NI2N), which is 1 where a level stands alone. */
static void describe_spread(const Pairs *of, double *features)
{
    double variance_i = 0, variance_j = 0, covariance = 0;
    for (Py_ssize_t c = 0; c < of->n_cells; c++) {
        double p = of->cells[c].p, i = of->cells[c].i + 1 - of->mean_i, j = of->cells[c].j + 1 - of->mean_j;
        variance_i += p * (i * i);
        variance_j += p * (j * j);
        covariance += p * i * j;
    }
    double deviations = sqrt(variance_i) * sqrt(variance_j);
    features[SUM_SQUARES] = variance_i;
    features[CORRELATION] = deviations == 0 ? 1 : covariance / (deviations + of->eps);
}

/* Sum average (ZGXS), sum entropy (P6QZ) and cluster tendency, shade, prominence (DG8W, 7NFM, AE86). */
static void describe_sums(const Pairs *of, double *features)
{
    double average = 0, entropy = 0, second = 0, third = 0, fourth = 0;
    for (Py_ssize_t k = 0; k < 2 * of->n_levels - 1; k++) {
        double p = of->sums[k], from_mean = (double)(k + 2) - of->mean_i - of->mean_j;
        if (p == 0)
            continue;
        average += (double)(k + 2) * p;
        entropy -= p * log2(p + of->eps);
        second += p * (from_mean * from_mean);
        third += p * (from_mean * from_mean * from_mean);
        fourth += p * (from_mean * from_mean * from_mean * from_mean);
    }
    features[SUM_AVERAGE] = average;
    features[SUM_ENTROPY] = entropy;
    features[CLUSTER_TENDENCY] = second;
    features[CLUSTER_SHADE] = third;
    features[CLUSTER_PROMINENCE] = fourth;
}

/* Difference average (TF7R), entropy (NTRS), variance (D3YU), contrast (ACUI), inverse differences (IB1Z, NDRX), their
   moments (WF0Z, 1QCO) and inverse variance (E8JP). The highest level normalizes, whether or not it occurs. */
static void describe_differences(const Pairs *of, double *features)
{
    double n = (double)of->n_levels, average = 0;
    for (Py_ssize_t k = 0; k < of->n_levels; k++)
        average += (double)k * of->differences[k];
    features[DIFFERENCE_AVERAGE] = average;
    features[DIFFERENCE_ENTROPY] = features[DIFFERENCE_VARIANCE] = features[CONTRAST] = 0;
    features[ID] = features[IDM] = features[IDN] = features[IDMN] = features[INVERSE_VARIANCE] = 0;
    for (Py_ssize_t step = 0; step < of->n_levels; step++) {
        double p = of->differences[step], k = (double)step;
        if (p == 0)
            continue;
        features[DIFFERENCE_ENTROPY] -= p * log2(p + of->eps);
        features[DIFFERENCE_VARIANCE] += p * ((k - average) * (k - average));
        features[CONTRAST] += p * (k * k);
        features[ID] += p / (1 + k);
        features[IDM] += p / (1 + k * k);
        features[IDN] += p / (1 + k / n);
        features[IDMN] += p / (1 + k * k / (n * n));
        if (step)
            features[INVERSE_VARIANCE] += p / (k * k);
    }
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
static void describe_information(const Pairs *of, double *features)
{
    double n_i, n_j, joint = 0, shares = 0, bit = PER_LN2 * of->eps;
    double of_i = marginal_entropy(of->rows, of->n_levels, &n_i);
    double of_j = marginal_entropy(of->columns, of->n_levels, &n_j);
    for (Py_ssize_t c = 0; c < of->n_cells; c++) {
        const Cell *cell = &of->cells[c];
        joint -= cell->p * log2(cell->p);
        double share = of->eps / (of->rows[cell->i] * of->columns[cell->j]);
        shares += cell->p * (share < 1e-6 ? share : log1p(share)); /* large only where a weight is minute */
    }
    joint -= bit * (double)of->n_cells;
    double hxy1 = of_i + of_j - PER_LN2 * shares, hxy2 = of_i + of_j - bit * n_i * n_j;
    double highest = fmax(of_i - bit * n_i, of_j - bit * n_j);
    features[JOINT_ENTROPY] = joint;
    features[IMC1] = highest == 0 ? 0 : (joint - hxy1) / highest;
    features[IMC2] = hxy2 - joint < INDEPENDENT ? 0 : sqrt(1 - exp(-2 * (hxy2 - joint)));
}

/* ---- Maximal correlation coefficient: the square root of the second eigenvalue of
   Q(i, j) = sum_k p(i, k) p(j, k) / (p_i p_k + eps).

   Q is similar to S S' with S(i, k) = p(i, k) / sqrt(p_i p_k + eps), but for terms of second order in eps / (p_i p_k).
   To the same order S S' has the eigenvalue 1 with the vector sqrt(p_i). Its largest eigenvalue across that vector is
   found by Lanczos' method (Golub and Van Loan, Matrix Computations, chapter 10), which only multiplies with S. */

enum { MAX_STEPS = 2000, STEPS_BETWEEN_CHECKS = 4 };
static const double GROWTH = 1e-12; /* of the eigenvalue between two checks, relative, at which it has converged */

typedef struct {
    const Pairs *pairs;
    double *entries;       /* of S: (n_cells,) as the cells, or (n_levels, n_levels) where most cells are not 0 */
    double *transposed;    /* of such a matrix; entries itself if it is symmetric */
    int is_dense, is_symmetric;
    double *known, *here, *before, *next, *between;     /* (n_levels,) each */
    double diagonal[MAX_STEPS], off_diagonal[MAX_STEPS]; /* of Lanczos' tridiagonal matrix */
} Iteration;

static double dot(const double *a, const double *b, Py_ssize_t n)
{
    double sums[4] = {0, 0, 0, 0};
    for (; n >= 4; n -= 4, a += 4, b += 4)
        for (int lane = 0; lane < 4; lane++)
            sums[lane] += a[lane] * b[lane];
    for (; n; n--)
        sums[0] += *a++ * *b++;
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static void subtract(double *from, double factor, const double *vector, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++)
        from[i] -= factor * vector[i];
}

static void set_entries(Iteration *of)
{
    const Pairs *pairs = of->pairs;
    Py_ssize_t n = pairs->n_levels;
    of->is_dense = n < 64 || 6 * pairs->n_cells > n * n;
    if (of->is_dense) {
        memset(of->entries, 0, (size_t)(n * n) * sizeof(double));
        memset(of->transposed, 0, (size_t)(n * n) * sizeof(double));
    }
    for (Py_ssize_t c = 0; c < pairs->n_cells; c++) {
        const Cell *cell = &pairs->cells[c];
        double entry = cell->p / sqrt(pairs->rows[cell->i] * pairs->columns[cell->j] + pairs->eps);
        if (of->is_dense)
            of->entries[cell->i * n + cell->j] = of->transposed[cell->j * n + cell->i] = entry;
        else
            of->entries[c] = entry;
    }
}

/* to = M' from, for a square matrix. */
FOR_EACH_PROCESSOR
static void multiply_dense(const double *matrix, Py_ssize_t n, const double *from, double *to)
{
    memset(to, 0, (size_t)n * sizeof(double));
    for (Py_ssize_t i = 0; i < n; i++)
        for (Py_ssize_t j = 0; j < n; j++)
            to[j] += from[i] * matrix[i * n + j];
}

/* next = S S' here */
static void multiply(Iteration *of)
{
    const Pairs *pairs = of->pairs;
    Py_ssize_t n = pairs->n_levels;
    if (of->is_dense) {
        multiply_dense(of->entries, n, of->here, of->between);
        multiply_dense(of->transposed, n, of->between, of->next);
        return;
    }
    memset(of->between, 0, (size_t)n * sizeof(double));
    memset(of->next, 0, (size_t)n * sizeof(double));
    for (Py_ssize_t c = 0; c < pairs->n_cells; c++)
        of->between[pairs->cells[c].j] += of->entries[c] * of->here[pairs->cells[c].i];
    for (Py_ssize_t c = 0; c < pairs->n_cells; c++) /* by columns where S is symmetric: these sums do not wait */
        if (of->is_symmetric)
            of->next[pairs->cells[c].j] += of->entries[c] * of->between[pairs->cells[c].i];
        else
            of->next[pairs->cells[c].i] += of->entries[c] * of->between[pairs->cells[c].j];
}

/* Set known to the unit vector sqrt(p_i) over the levels that pairs join to the commonest one, 0 at others. Levels
   apart from these have an eigenvalue near 1 of their own, which is the second one. */
static void set_known(Iteration *of)
{
    const Pairs *pairs = of->pairs;
    Py_ssize_t n = pairs->n_levels, commonest = 0;
    uint8_t *joined_rows = (uint8_t *)of->between, *joined_columns = (uint8_t *)of->next, joined = 1;
    for (Py_ssize_t i = 0; i < n; i++) {
        commonest = pairs->rows[i] > pairs->rows[commonest] ? i : commonest;
        joined_rows[i] = joined_columns[i] = 0;
    }
    for (joined_rows[commonest] = 1; joined;) {
        joined = 0;
        for (Py_ssize_t c = 0; c < pairs->n_cells; c++) {
            uint8_t *row = joined_rows + pairs->cells[c].i, *column = joined_columns + pairs->cells[c].j;
            if (*row == *column)
                continue;
            *row = *column = joined = 1;
        }
    }
    for (Py_ssize_t i = 0; i < n; i++)
        of->known[i] = joined_rows[i] ? sqrt(pairs->rows[i]) : 0;
    double norm = sqrt(dot(of->known, of->known, n));
    for (Py_ssize_t i = 0; i < n; i++)
        of->known[i] /= norm;
}

/* Start from what maximal correlation usually is, a function that grows with the level, and a little of all else. */
static double start(Iteration *of)
{
    Py_ssize_t n = of->pairs->n_levels;
    const double *rows = of->pairs->rows;
    uint32_t chance = 1;
    for (Py_ssize_t i = 0; i < n; i++) {
        chance = chance * 1664525u + 1013904223u; /* Numerical Recipes' generator */
        of->here[i] = rows[i] > 0 ? sqrt(rows[i]) * ((double)(i + 1) - of->pairs->mean_i) / (double)n +
                                        ((double)chance / UINT32_MAX - 0.5) / 8 / (double)n
                                  : 0;
        of->before[i] = 0;
    }
    for (int time = 0; time < 2; time++) /* twice, so that rounding leaves nothing of it */
        subtract(of->here, dot(of->here, of->known, n), of->known, n);
    return sqrt(dot(of->here, of->here, n));
}

/* Largest eigenvalue of the first n rows of the tridiagonal matrix, by Newton's method on the characteristic polynomial
   from above all its roots: p'/p is the sum of slope/pivot over the pivots of the matrix less value. */
static double largest_eigenvalue(const Iteration *of, Py_ssize_t n)
{
    double value = 1 + 1e-6, step = 1;
    while (step > 4e-16 * value) {
        double pivot = of->diagonal[0] - value, slope = -1, sum = slope / pivot;
        for (Py_ssize_t k = 1; k < n && pivot < 0; k++) {
            double ratio = of->off_diagonal[k - 1] / pivot;
            slope = -1 + ratio * ratio * slope;
            pivot = of->diagonal[k] - value - ratio * of->off_diagonal[k - 1];
            sum += slope / pivot;
        }
        if (!(pivot < 0))
            break; /* rounding has led past the root */
        step = 1 / sum;
        value -= step;
    }
    return value;
}

/* One step of Lanczos' method from here, a unit vector; return the length of the next vector. */
static double advance(Iteration *of, Py_ssize_t step)
{
    Py_ssize_t n = of->pairs->n_levels;
    multiply(of);
    subtract(of->next, step ? of->off_diagonal[step - 1] : 0, of->before, n);
    of->diagonal[step] = dot(of->next, of->here, n);
    subtract(of->next, of->diagonal[step], of->here, n);
    subtract(of->next, dot(of->next, of->known, n), of->known, n);
    of->off_diagonal[step] = sqrt(dot(of->next, of->next, n));
    double *unused = of->before;
    of->before = of->here;
    of->here = of->next;
    of->next = unused;
    return of->off_diagonal[step];
}

static double maximal_correlation(Iteration *of)
{
    set_known(of);
    double length = start(of), value = 0;
    if (length < 1e-12)
        return 0; /* a single level has neighbors */
    set_entries(of);
    for (Py_ssize_t step = 0; step < MAX_STEPS; step++) {
        for (Py_ssize_t i = 0; i < of->pairs->n_levels; i++)
            of->here[i] /= length;
        length = advance(of, step);
        int is_complete = length < 1e-14;
        if (!is_complete && step % STEPS_BETWEEN_CHECKS != STEPS_BETWEEN_CHECKS - 1)
            continue;
        double former = value;
        value = largest_eigenvalue(of, step + 1);
        if (is_complete || value - former < GROWTH * value)
            break;
    }
    return sqrt(fmax(value, 0));
}

/* Iteration is NULL where the maximal correlation is not wanted. */
static void describe(const Pairs *pairs, Iteration *iteration, int is_flat, double *features)
{
    describe_cells(pairs, features);
    describe_spread(pairs, features);
    describe_sums(pairs, features);
    describe_differences(pairs, features);
    describe_information(pairs, features);
    if (iteration)
        features[MCC] = is_flat ? 1 : maximal_correlation(iteration);
}

typedef struct {
    const int32_t *counts;
    const double *weights;
    Py_ssize_t n_directions, n_levels;
    int symmetrical, with_mcc, is_flat; /* is_flat: one level in the region, with or without neighbors */
    double eps, *features; /* (n_directions, N_FEATURES), or (1, N_FEATURES) with weights */
} Task;

static void describe_directions(const Task *task, Pairs *pairs, Iteration *iteration)
{
    Py_ssize_t n_apart = task->weights ? 1 : task->n_directions, size = task->n_levels * task->n_levels;
    for (Py_ssize_t k = 0; k < n_apart; k++) {
        double total = gather(task->counts + k * size, task->weights ? task->n_directions : 1, task->weights,
                              task->symmetrical, pairs);
        double *features = task->features + k * N_FEATURES;
        for (int name = 0; name < N_FEATURES; name++)
            features[name] = total ? 0 : NAN;
        if (total) {
            normalize(pairs, total);
            describe(pairs, task->with_mcc ? iteration : NULL, task->is_flat, features);
        }
    }
}

/* Allocate and compute. Return 0, or -1 where memory is short. */
static int run(const Task *task)
{
    size_t n = (size_t)task->n_levels, size = n * n + 1;
    Cell *cells = malloc(size * sizeof(Cell));
    double *vectors = malloc((10 * n + 1) * sizeof(double));
    double *matrices = task->with_mcc ? malloc(2 * size * sizeof(double)) : NULL;
    Iteration *iteration = malloc(sizeof(Iteration));
    int result = cells && vectors && (matrices || !task->with_mcc) && iteration ? 0 : -1;
    if (!result) {
        Pairs pairs = {.n_levels = task->n_levels, .cells = cells, .rows = vectors, .columns = vectors + n,
                       .sums = vectors + 2 * n, .differences = vectors + 4 * n, .eps = task->eps};
        iteration->pairs = &pairs;
        iteration->entries = matrices;
        iteration->transposed = task->symmetrical || !matrices ? matrices : matrices + size;
        iteration->is_symmetric = task->symmetrical;
        iteration->known = vectors + 5 * n;
        iteration->here = vectors + 6 * n;
        iteration->before = vectors + 7 * n;
        iteration->next = vectors + 8 * n;
        iteration->between = vectors + 9 * n;
        describe_directions(task, &pairs, iteration);
    }
    free(cells);
    free(vectors);
    free(matrices);
    free(iteration);
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
            (!task.weights || arrays[1].shape[0] == task.n_directions) && arrays[2].shape[1] == N_FEATURES &&
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

/* The exact LASSO path of several training sets in step: all rows, and all rows but those of each fold.

   A training set's path is followed from knot to knot (homotopy). Between two knots the solution is linear in the
   penalty: as it falls by t, the active coefficients move by t * direction and every column's correlation with the
   residual by -t * slope. The next knot is where an idle correlation reaches the penalty or an active coefficient
   reaches 0. Columns come standardized over all rows; each set centers and scales them again by its own rows.

   Of a wide table only candidates are followed from one penalty to the next: the columns that the sequential strong
   rule (R. Tibshirani et al., JRSS B 74 (2012) 245-266, section 7) leaves. At that penalty the correlations of all
   columns are computed from the residual; where one that is no candidate reaches the penalty, it becomes a candidate
   and the set goes back to the penalty before. So the rule saves time and decides nothing.

   Of the Gram matrix only the rows of columns that become active are computed, and of these only the candidates'
   items: once over all rows, and per set by taking the held-out rows away. At every penalty asked for, the
   correlations are computed afresh from the coefficients, and the coefficients are corrected by what those miss. */
#include "../_arrays.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

static const double PARALLEL = 1e-9;   /* difference of slopes up to which two lines never meet */
static const double TIE = 1e-10;       /* share of the penalty within which knots coincide: the first column goes */
static const double ROUNDING = 1e-13;  /* share of the spread of y up to which a correlation or coefficient is 0 */
static const double DRIFT = 1e-10;     /* miss of active correlations or slopes beyond which the inverse is renewed */
static const double DEPENDENT = 1e-12; /* share of a column's variance outside the active ones below which it waits */
static const double FRAGILE = 1e-4;    /* the same, below which the inverse is checked as a whole at every knot */

static const double STRIDE = 0.9;      /* share of the penalty to which it falls at most between two screenings */
static const double STEEPER = 0.5;     /* added to the slope that the strong rule expects, where it has failed */
static const double CLOSE = 1e-9;      /* share of the penalty within which a column not followed reaches it */

#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
typedef double Lanes __attribute__((vector_size(32), aligned(8), may_alias)); /* numbers computed at once */
#else
#define INLINE static inline
typedef double Lanes;
#endif

/* TILES of LANES are summed at once, BLOCK columns multiplied at once; up to LAG changes of the inverse wait. */
enum { LANES = sizeof(Lanes) / sizeof(double), TILES = 8, BLOCK = 4, LAG = 8, ROOM = 64 };
enum { FIRST_CAPACITY = 32, MAX_CORRECTIONS = 3, MAX_KNOTS_IN_PLACE = 100000 };
enum { DONE = 0, NO_MEMORY = -1, STUCK = -2 };

/* Where a set can go back to. */
typedef struct {
    double alpha;
    Py_ssize_t n_active;
    Py_ssize_t *active; /* columns */
    double *signs, *coefs;
    unsigned char *waiting;
} Checkpoint;

typedef struct {
    Py_ssize_t first, last; /* its held-out rows are the range from first up to last */
    double weight;          /* sum of the weights of the training rows */
    double y_mean, noise, alpha;
    double *shares, *residual, *pull; /* of the rows: part of the weight, 0 if held out; y less fit; their product */
    double *mean, *scale;             /* of the columns; scale is 1 / standard deviation, 0 for a constant column */
    double *first_correlations, *last_correlations; /* of the columns: at no coefficients, at the last penalty */
    unsigned char *chosen;  /* which columns are candidates */
    unsigned char *waiting; /* which are linear combinations of the active ones, until one of those leaves */
    double steepest;        /* slope up to which the strong rule expects correlations to move */
    Py_ssize_t n_candidates, n_found; /* the latter too late, by the last check */
    Py_ssize_t *candidates; /* columns, the active ones first; all that follows is in their order */
    const double **held;    /* their held-out values */
    double *correlations, *slopes, *reach;
    double **gram;            /* rows of the correlation matrix, valid for the active ones */
    Py_ssize_t *gram_lengths; /* up to where they are filled */
    Py_ssize_t n_active, capacity;
    double outside;           /* least share of an active column's variance that is outside the others */
    double *signs, *coefs, *direction, *link, *spare;
    double *inverse; /* of the correlation matrix of the active columns, less the updates; rows `capacity` apart */
    const double **inverse_rows;
    Py_ssize_t n_updates;
    double *updates[LAG], factors[LAG]; /* factor * update * update' is still to be added */
    Checkpoint checkpoint;
} TrainingSet;

typedef struct {
    Py_buffer views[3]; /* columns, y, weights; rows fold by fold */
    Py_ssize_t n_rows, n_columns, n_sets;
    int screened;
    const double *table;
    Py_ssize_t pool_size; /* columns that are candidates of any set */
    Py_ssize_t *places;   /* of the columns in the pool, -1 outside */
    Py_ssize_t *pool;
    const double **listed; /* vectors to be summed or multiplied */
    double *weighted;     /* one column */
    double *products;     /* of one column with several */
    double **gram;        /* of the columns: weighted cross products with the pool, filled up to gram_lengths */
    Py_ssize_t *gram_lengths;
    TrainingSet *sets;    /* one per fold, then all rows */
    TrainingSet **moved;  /* those on their way to a penalty */
} Paths;

/* Add the sum of coefs[k] * rows[k] to the first n_tiles tiles of out, from column on. */
INLINE void add_tiles(double *out, Py_ssize_t column, const double *const *rows, const double *coefs, Py_ssize_t n_rows,
                      const int n_tiles)
{
    Lanes sums[TILES];
    for (int t = 0; t < n_tiles; t++)
        sums[t] = *(const Lanes *)(out + column + t * LANES);
    for (Py_ssize_t k = 0; k < n_rows; k++)
        for (int t = 0; t < n_tiles; t++)
            sums[t] += coefs[k] * *(const Lanes *)(rows[k] + column + t * LANES);
    for (int t = 0; t < n_tiles; t++)
        *(Lanes *)(out + column + t * LANES) = sums[t];
}

/* Add the sum of coefs[k] * rows[k] to out, both from first up to last. */
FOR_EACH_PROCESSOR
static void add_rows(double *out, Py_ssize_t first, Py_ssize_t last, const double *const *rows, const double *coefs,
                     Py_ssize_t n_rows)
{
    Py_ssize_t j = first;
    for (; j + TILES * LANES <= last; j += TILES * LANES)
        add_tiles(out, j, rows, coefs, n_rows, TILES);
    for (; j + LANES <= last; j += LANES)
        add_tiles(out, j, rows, coefs, n_rows, 1);
    for (; j < last; j++)
        for (Py_ssize_t k = 0; k < n_rows; k++)
            out[j] += coefs[k] * rows[k][j];
}

static double *zeros(Py_ssize_t length)
{
    return calloc((size_t)(length > 0 ? length : 1), sizeof(double));
}

static const double *values(const Paths *paths, Py_ssize_t column)
{
    return paths->table + column * paths->n_rows;
}

/* Fill out with the inner products of x with several columns. */
FOR_EACH_PROCESSOR
static void inner_products(double *out, const double *x, const double *const *columns, Py_ssize_t n_columns,
                           Py_ssize_t length)
{
    const Py_ssize_t whole = length - length % LANES;
    for (Py_ssize_t k = 0; k < n_columns; k += BLOCK) {
        const double *block[BLOCK];
        Lanes sums[BLOCK] = {{0.0}};
        double parts[LANES];
        for (Py_ssize_t b = 0; b < BLOCK; b++)
            block[b] = columns[k + b < n_columns ? k + b : n_columns - 1];
        for (Py_ssize_t i = 0; i < whole; i += LANES)
            for (int b = 0; b < BLOCK; b++)
                sums[b] += *(const Lanes *)(x + i) * *(const Lanes *)(block[b] + i);
        for (Py_ssize_t b = 0; b < BLOCK && k + b < n_columns; b++) {
            double sum = 0.0;
            memcpy(parts, &sums[b], sizeof parts);
            for (int lane = 0; lane < LANES; lane++)
                sum += parts[lane];
            for (Py_ssize_t i = whole; i < length; i++)
                sum += x[i] * block[b][i];
            out[k + b] = sum;
        }
    }
}

/* Make room for length items in a vector. Return it, or NULL without memory. */
static double *lengthen(double **vector, Py_ssize_t length)
{
    const Py_ssize_t room = (length + ROOM - 1) / ROOM * ROOM; /* Gram rows grow often: seldom to a new place */
    double *longer = realloc(*vector, (size_t)room * sizeof(double));
    *vector = longer ? longer : *vector;
    return longer;
}

/* Fill paths->weighted with the values of a column times the weights, from row first up to last. */
static void weigh(Paths *paths, Py_ssize_t column, Py_ssize_t first, Py_ssize_t last)
{
    const double *weights = paths->views[2].buf, *x = values(paths, column);
    for (Py_ssize_t i = first; i < last; i++)
        paths->weighted[i] = weights[i] * x[i];
}

/* Return the weighted cross products of a column of the pool with the pool, over all rows; NULL without memory. */
static const double *full_gram(Paths *paths, Py_ssize_t column)
{
    const Py_ssize_t done = paths->gram_lengths[column], length = paths->pool_size, place = paths->places[column];
    double *row = done < length ? lengthen(&paths->gram[column], length) : paths->gram[column];
    Py_ssize_t n = 0;
    if (!row || done == length)
        return row;
    for (Py_ssize_t k = done; k < length; k++)
        if (paths->gram_lengths[paths->pool[k]] <= place)
            paths->listed[n++] = values(paths, paths->pool[k]);
    weigh(paths, column, 0, paths->n_rows);
    inner_products(paths->products, paths->weighted, paths->listed, n, paths->n_rows);
    for (Py_ssize_t k = length - 1; k >= done; k--) {
        const Py_ssize_t other = paths->pool[k];
        row[k] = paths->gram_lengths[other] > place ? paths->gram[other][place] : paths->products[--n];
    }
    paths->gram_lengths[column] = length;
    return row;
}

/* Fill the Gram row of a candidate in a training set: products over all rows, less the held-out ones. Return it, or
   NULL without memory. */
static const double *set_gram(Paths *paths, TrainingSet *set, Py_ssize_t candidate)
{
    const Py_ssize_t column = set->candidates[candidate], length = set->n_candidates;
    Py_ssize_t done = set->gram_lengths[candidate];
    if (done == length)
        return set->gram[candidate];
    const double *full = full_gram(paths, column);
    double *row = full ? lengthen(&set->gram[candidate], length) : NULL;
    if (!row)
        return NULL;
    if (candidate == set->n_active)
        for (; done < candidate; done++)
            row[done] = set->gram[done][candidate];
    weigh(paths, column, set->first, set->last);
    inner_products(row + done, paths->weighted + set->first, set->held + done, length - done, set->last - set->first);
    const double scale = set->scale[column] / set->weight, center = set->mean[column] * set->scale[column];
    for (Py_ssize_t k = done; k < length; k++) {
        const Py_ssize_t other = set->candidates[k];
        row[k] = ((full[paths->places[other]] - row[k]) * scale - set->mean[other] * center) * set->scale[other];
    }
    if (candidate >= done)
        row[candidate] = 1.0;
    set->gram_lengths[candidate] = length;
    return row;
}

/* ---------------------------------------------------------------- the active columns */

/* Add what is still to be added to the inverse of n rows. */
static void update_inverse(TrainingSet *set, Py_ssize_t n)
{
    double coefs[LAG];
    for (Py_ssize_t k = 0; k < n && set->n_updates > 0; k++) {
        for (Py_ssize_t u = 0; u < set->n_updates; u++)
            coefs[u] = set->factors[u] * set->updates[u][k];
        add_rows(set->inverse + k * set->capacity, 0, n, (const double *const *)set->updates, coefs, set->n_updates);
    }
    set->n_updates = 0;
}

/* Make room for one more active column. Return 0, or -1 without memory. */
static int make_room(TrainingSet *set)
{
    const Py_ssize_t old = set->capacity, capacity = old ? 2 * old : FIRST_CAPACITY;
    if (set->n_active < old)
        return 0;
    update_inverse(set, old);
    double **vectors[] = {&set->signs, &set->coefs,           &set->direction,       &set->link,
                          &set->spare, &set->checkpoint.signs, &set->checkpoint.coefs};
    for (int k = 0; k < 7; k++)
        if (!lengthen(vectors[k], capacity))
            return -1;
    for (int u = 0; u < LAG; u++)
        if (!lengthen(&set->updates[u], capacity))
            return -1;
    Py_ssize_t *kept = realloc(set->checkpoint.active, (size_t)capacity * sizeof(Py_ssize_t));
    set->checkpoint.active = kept ? kept : set->checkpoint.active;
    const double **rows = realloc(set->inverse_rows, (size_t)capacity * sizeof(double *));
    set->inverse_rows = rows ? rows : set->inverse_rows;
    double *inverse = zeros(capacity * capacity);
    if (!kept || !rows || !inverse) {
        free(inverse);
        return -1;
    }
    for (Py_ssize_t k = 0; k < old; k++)
        memcpy(inverse + k * capacity, set->inverse + k * old, (size_t)old * sizeof(double));
    free(set->inverse);
    set->inverse = inverse;
    set->capacity = capacity;
    for (Py_ssize_t k = 0; k < capacity; k++)
        rows[k] = inverse + k * capacity;
    return 0;
}

/* Fill product with the inverse times vector. */
static void times_inverse(const TrainingSet *set, const double *vector, double *product)
{
    const double *const *updates = (const double *const *)set->updates;
    const Py_ssize_t m = set->n_active;
    double coefs[LAG];
    for (Py_ssize_t k = 0; k < m; k++)
        product[k] = 0.0;
    add_rows(product, 0, m, set->inverse_rows, vector, m);
    inner_products(coefs, vector, updates, set->n_updates, m);
    for (Py_ssize_t u = 0; u < set->n_updates; u++)
        coefs[u] *= set->factors[u];
    add_rows(product, 0, m, updates, coefs, set->n_updates);
}

/* Compute the inverse of the active columns' correlation matrix by sweeping every pivot of it. */
static void invert_afresh(TrainingSet *set)
{
    const Py_ssize_t m = set->n_active, stride = set->capacity;
    set->n_updates = 0;
    for (Py_ssize_t i = 0; i < m; i++)
        memcpy(set->inverse + i * stride, set->gram[i], (size_t)m * sizeof(double));
    for (Py_ssize_t pivot = 0; pivot < m; pivot++) {
        double *swept = set->inverse + pivot * stride;
        const double scale = 1.0 / swept[pivot];
        swept[pivot] = 1.0;
        for (Py_ssize_t k = 0; k < m; k++)
            swept[k] *= scale;
        for (Py_ssize_t i = 0; i < m; i++) {
            double *row = set->inverse + i * stride;
            const double factor = -row[pivot];
            if (i == pivot)
                continue;
            row[pivot] = 0.0;
            const double *source = swept;
            add_rows(row, 0, m, &source, &factor, 1);
        }
    }
}

/* Compute inverse and direction anew. */
static void start_afresh(TrainingSet *set)
{
    invert_afresh(set);
    times_inverse(set, set->signs, set->direction);
}

/* Add a last position to the inverse: link is the inverse times the new column's correlations with the active ones. */
static void grow_inverse(TrainingSet *set, const double *link, double outside)
{
    const Py_ssize_t m = set->n_active, stride = set->capacity;
    double *last = set->inverse + m * stride, *update = set->updates[set->n_updates];
    for (Py_ssize_t k = 0; k < m; k++) {
        last[k] = set->inverse[k * stride + m] = 0.0;
        update[k] = link[k];
    }
    last[m] = 0.0;
    update[m] = -1.0;
    for (Py_ssize_t u = 0; u < set->n_updates; u++)
        set->updates[u][m] = 0.0;
    set->factors[set->n_updates++] = 1.0 / outside;
    if (set->n_updates == LAG)
        update_inverse(set, m + 1);
}

static void swap_items(double *items, Py_ssize_t one, Py_ssize_t other)
{
    const double kept = items[one];
    items[one] = items[other];
    items[other] = kept;
}

/* Let two candidates swap their places. */
static void swap(const Paths *paths, TrainingSet *set, Py_ssize_t one, Py_ssize_t other)
{
    const Py_ssize_t column = set->candidates[one], length = set->gram_lengths[one];
    double *row = set->gram[one];
    set->candidates[one] = set->candidates[other];
    set->candidates[other] = column;
    set->gram_lengths[one] = set->gram_lengths[other];
    set->gram_lengths[other] = length;
    set->gram[one] = set->gram[other];
    set->gram[other] = row;
    set->held[one] = values(paths, set->candidates[one]) + set->first;
    set->held[other] = values(paths, column) + set->first;
    swap_items(set->correlations, one, other);
    for (Py_ssize_t k = 0; k < set->n_active; k++)
        swap_items(set->gram[k], one, other);
}

/* Fill link with the inverse times a column's correlations with the active ones. Return the share of its variance that
   is outside them; where that is small, refine link first: rounding must not make a dependent column independent. */
static double find_link(TrainingSet *set, const double *row)
{
    const Py_ssize_t m = set->n_active;
    times_inverse(set, row, set->link);
    for (int refined = 0;; refined = 1) {
        double outside = 1.0;
        for (Py_ssize_t k = 0; k < m; k++)
            outside -= set->link[k] * row[k];
        if (refined || outside > FRAGILE)
            return outside;
        inner_products(set->spare, set->link, (const double *const *)set->gram, m, m);
        for (Py_ssize_t k = 0; k < m; k++)
            set->spare[k] = row[k] - set->spare[k];
        times_inverse(set, set->spare, set->reach);
        for (Py_ssize_t k = 0; k < m; k++)
            set->link[k] += set->reach[k];
    }
}

/* Let a candidate in, or wait if the active ones explain all of it. Return 0, or -1 without memory. */
static int enter(Paths *paths, TrainingSet *set, Py_ssize_t candidate)
{
    const Py_ssize_t m = set->n_active;
    if (make_room(set) < 0)
        return -1;
    swap(paths, set, candidate, m);
    const double *row = set_gram(paths, set, m);
    if (!row)
        return -1;
    const double sign = set->correlations[m] > 0 ? 1.0 : -1.0;
    const double outside = find_link(set, row);
    double turn = -sign;
    for (Py_ssize_t k = 0; k < m; k++)
        turn += set->link[k] * set->signs[k];
    if (outside < DEPENDENT) {
        set->waiting[set->candidates[m]] = 1;
        set->gram_lengths[m] = 0;
        return 0;
    }
    set->outside = fmin(set->outside, outside);
    grow_inverse(set, set->link, outside);
    for (Py_ssize_t k = 0; k < m; k++)
        set->direction[k] += turn / outside * set->link[k];
    set->direction[m] = -turn / outside;
    set->signs[m] = sign;
    set->coefs[m] = 0.0;
    set->n_active++;
    return 0;
}

/* Take a position out of the inverse, and its part out of the direction; the last one fills it. */
static void shrink_inverse(TrainingSet *set, Py_ssize_t position)
{
    const Py_ssize_t last = set->n_active - 1, stride = set->capacity;
    double *inverse = set->inverse, *border = set->updates[set->n_updates], coefs[LAG];
    for (Py_ssize_t u = 0; u < set->n_updates; u++)
        coefs[u] = set->factors[u] * set->updates[u][position];
    memcpy(border, inverse + position * stride, (size_t)(last + 1) * sizeof(double));
    add_rows(border, 0, last + 1, (const double *const *)set->updates, coefs, set->n_updates);
    const double pivot = border[position], *source = border, turn = -set->direction[position] / pivot;
    add_rows(set->direction, 0, last + 1, &source, &turn, 1);
    set->factors[set->n_updates++] = -1.0 / pivot;
    if (set->n_updates == LAG)
        update_inverse(set, last + 1);
    for (Py_ssize_t u = 0; u < set->n_updates; u++)
        set->updates[u][position] = set->updates[u][last];
    memmove(inverse + position * stride, inverse + last * stride, (size_t)(last + 1) * sizeof(double));
    for (Py_ssize_t k = 0; k < last; k++)
        inverse[k * stride + position] = inverse[k * stride + last];
}

/* Let an active candidate go; the last one takes its position. */
static void leave(const Paths *paths, TrainingSet *set, Py_ssize_t position)
{
    shrink_inverse(set, position);
    const Py_ssize_t last = set->n_active - 1;
    swap(paths, set, position, last);
    set->n_active = last;
    set->gram_lengths[last] = 0;
    set->signs[position] = set->signs[last];
    set->coefs[position] = set->coefs[last];
    set->direction[position] = set->direction[last];
    memset(set->waiting, 0, (size_t)paths->n_columns);
}

/* ---------------------------------------------------------------- from knot to knot */

/* Return the most by which the direction misses the signs: that of the last active column, of all where fragile. */
static double most_missed(TrainingSet *set)
{
    const Py_ssize_t m = set->n_active, first = set->outside < FRAGILE || m == 0 ? 0 : m - 1;
    double most = 0.0;
    inner_products(set->spare, set->direction, (const double *const *)set->gram + first, m - first, m);
    for (Py_ssize_t k = first; k < m; k++)
        most = fmax(most, fabs(set->spare[k - first] - set->signs[k]));
    return most;
}

/* Find how correlations move as the penalty falls by 1. */
static void find_slopes(TrainingSet *set)
{
    const Py_ssize_t m = set->n_active, n = set->n_candidates;
    if (most_missed(set) > DRIFT)
        start_afresh(set);
    for (Py_ssize_t k = 0; k < n; k++)
        set->slopes[k] = k < m ? set->signs[k] : 0.0;
    add_rows(set->slopes, m, n, (const double *const *)set->gram, set->direction, m);
}

/* Compute the correlations afresh from the coefficients, and correct the coefficients by what they miss. */
static void correct(TrainingSet *set)
{
    const Py_ssize_t m = set->n_active, n = set->n_candidates;
    double most = HUGE_VAL;
    for (int attempt = 0; attempt < MAX_CORRECTIONS && most > DRIFT * set->alpha; attempt++) {
        for (Py_ssize_t k = 0; k < n; k++)
            set->correlations[k] = set->first_correlations[set->candidates[k]];
        for (Py_ssize_t k = 0; k < m; k++)
            set->spare[k] = -set->coefs[k];
        add_rows(set->correlations, 0, n, (const double *const *)set->gram, set->spare, m);
        most = 0.0;
        for (Py_ssize_t k = 0; k < m; k++) {
            set->spare[k] = set->alpha * set->signs[k] - set->correlations[k];
            most = fmax(most, fabs(set->spare[k]));
        }
        if (most > DRIFT * set->alpha)
            start_afresh(set);
        times_inverse(set, set->spare, set->link);
        for (Py_ssize_t k = 0; k < m; k++)
            set->coefs[k] -= set->link[k];
    }
}

/* Fill reach with how far the penalty falls until each idle correlation meets it from inside. */
FOR_EACH_PROCESSOR
static void find_reach(double *RESTRICT reach, const double *RESTRICT correlations, const double *RESTRICT slopes,
                       double alpha, Py_ssize_t length)
{
    for (Py_ssize_t j = 0; j < length; j++) {
        const double up = 1.0 - slopes[j], down = 1.0 + slopes[j];
        const double rise = (up > PARALLEL ? alpha - correlations[j] : HUGE_VAL) / (up > PARALLEL ? up : 1.0);
        const double fall = (down > PARALLEL ? alpha + correlations[j] : HUGE_VAL) / (down > PARALLEL ? down : 1.0);
        const double nearer = rise < fall ? rise : fall;
        reach[j] = nearer > 0.0 ? nearer : 0.0;
    }
}

/* Return the candidate whose knot comes next, the first column of those that tie, and in *step how far away it is. */
static Py_ssize_t next_knot(TrainingSet *set, double *step)
{
    const Py_ssize_t m = set->n_active, n = set->n_candidates;
    Py_ssize_t first = -1;
    find_reach(set->reach + m, set->correlations + m, set->slopes + m, set->alpha, n - m);
    for (Py_ssize_t k = 0; k < m; k++) {
        const double shrinking = -set->signs[k] * set->direction[k], size = set->signs[k] * set->coefs[k];
        set->reach[k] = shrinking > 0.0 ? fmax(size, 0.0) / shrinking : HUGE_VAL;
    }
    double nearest = HUGE_VAL;
    for (Py_ssize_t k = 0; k < n; k++)
        if (set->reach[k] < nearest && !set->waiting[set->candidates[k]])
            nearest = set->reach[k];
    *step = nearest;
    for (Py_ssize_t k = 0; k < n; k++)
        if (set->reach[k] <= nearest + TIE * set->alpha && !set->waiting[set->candidates[k]])
            if (first < 0 || set->candidates[k] < set->candidates[first])
                first = k;
    return first;
}

static void move(TrainingSet *set, double step)
{
    const double back = -step, *source = set->slopes;
    add_rows(set->correlations, 0, set->n_candidates, &source, &back, 1);
    source = set->direction;
    add_rows(set->coefs, 0, set->n_active, &source, &step, 1);
    set->alpha -= step;
}

/* Follow one path down to a penalty. */
static int follow(Paths *paths, TrainingSet *set, double alpha)
{
    set->outside = 1.0;
    update_inverse(set, set->n_active);
    for (Py_ssize_t k = 0; k < set->n_active; k++)
        set->outside = fmin(set->outside, 1.0 / set->inverse_rows[k][k]);
    int in_place = 0; /* knots since the penalty last fell; exact ties could in theory go round for ever */
    while (set->alpha > alpha) {
        double step;
        find_slopes(set);
        const Py_ssize_t candidate = next_knot(set, &step);
        if (step >= set->alpha - alpha) {
            move(set, set->alpha - alpha);
            set->alpha = alpha;
            break;
        }
        in_place = step > TIE * set->alpha ? 0 : in_place + 1;
        if (in_place > MAX_KNOTS_IN_PLACE)
            return STUCK;
        move(set, step);
        if (candidate < set->n_active)
            leave(paths, set, candidate);
        else if (enter(paths, set, candidate) < 0)
            return NO_MEMORY;
    }
    correct(set);
    return DONE;
}

/* ---------------------------------------------------------------- candidates */

static void add_candidate(Paths *paths, TrainingSet *set, Py_ssize_t column)
{
    const Py_ssize_t k = set->n_candidates++;
    set->chosen[column] = 1;
    set->candidates[k] = column;
    set->held[k] = values(paths, column) + set->first;
    set->correlations[k] = set->last_correlations[column];
    if (paths->places[column] >= 0)
        return;
    paths->places[column] = paths->pool_size;
    paths->pool[paths->pool_size++] = column;
}

/* Choose the candidates on the way to a penalty by the strong rule, and keep the state to come back to. */
static void prepare(Paths *paths, TrainingSet *set, double alpha)
{
    const double least = alpha - set->steepest * (set->alpha - alpha);
    for (Py_ssize_t j = 0; set->n_candidates < paths->n_columns && j < paths->n_columns; j++)
        if (!set->chosen[j] && fabs(set->last_correlations[j]) >= least)
            add_candidate(paths, set, j);
    Checkpoint *kept = &set->checkpoint;
    kept->alpha = set->alpha;
    kept->n_active = set->n_active;
    for (Py_ssize_t k = 0; k < set->n_active; k++) {
        kept->active[k] = set->candidates[k];
        kept->signs[k] = set->signs[k];
        kept->coefs[k] = set->coefs[k];
    }
    memcpy(kept->waiting, set->waiting, (size_t)paths->n_columns);
}

/* Fill the Gram rows of the active columns up to all candidates. Return 0, or -1 without memory. */
static int fill_active_gram(Paths *paths, TrainingSet *set)
{
    for (Py_ssize_t k = 0; k < set->n_active; k++)
        if (!set_gram(paths, set, k))
            return -1;
    return 0;
}

/* Go back to the state kept, with the candidates found since. Return 0, or -1 without memory. */
static int go_back(Paths *paths, TrainingSet *set)
{
    const Checkpoint *kept = &set->checkpoint;
    set->n_active = 0;
    memset(set->gram_lengths, 0, (size_t)set->n_candidates * sizeof(Py_ssize_t));
    for (Py_ssize_t k = 0; k < kept->n_active; k++) {
        Py_ssize_t place = k;
        while (set->candidates[place] != kept->active[k])
            place++;
        swap(paths, set, place, k);
        set->signs[k] = kept->signs[k];
        set->coefs[k] = kept->coefs[k];
    }
    set->n_active = kept->n_active;
    set->alpha = kept->alpha;
    set->steepest += STEEPER;
    memcpy(set->waiting, kept->waiting, (size_t)paths->n_columns);
    if (fill_active_gram(paths, set) < 0)
        return -1;
    start_afresh(set);
    correct(set);
    return 0;
}

/* Fill the residual of the rows from first up to last. */
static void fill_residual(Paths *paths, TrainingSet *set, Py_ssize_t first, Py_ssize_t last)
{
    const double *y = paths->views[1].buf;
    double level = set->y_mean;
    for (Py_ssize_t k = 0; k < set->n_active; k++) {
        const Py_ssize_t column = set->candidates[k];
        set->spare[k] = -set->coefs[k] * set->scale[column];
        level += set->spare[k] * set->mean[column];
        paths->listed[k] = values(paths, column) + first;
    }
    for (Py_ssize_t i = first; i < last; i++)
        set->residual[i] = y[i] - level;
    add_rows(set->residual + first, 0, last - first, paths->listed, set->spare, set->n_active);
}

/* Compute a column's correlation with the residuals of the sets that do not follow it; it becomes a candidate of those
   whose penalty it reaches. */
static void check_column(Paths *paths, TrainingSet **checked, Py_ssize_t n_checked, Py_ssize_t column)
{
    Py_ssize_t n = 0;
    for (Py_ssize_t k = 0; k < n_checked; k++)
        if (!checked[k]->chosen[column])
            paths->listed[n++] = checked[k]->pull;
    inner_products(paths->products, values(paths, column), paths->listed, n, paths->n_rows);
    n = 0;
    for (Py_ssize_t k = 0; k < n_checked; k++) {
        TrainingSet *set = checked[k];
        if (set->chosen[column])
            continue;
        set->last_correlations[column] = paths->products[n++] * set->scale[column];
        if (fabs(set->last_correlations[column]) < set->alpha * (1.0 - CLOSE))
            continue;
        add_candidate(paths, set, column);
        set->n_found++;
    }
}

/* Compute the correlations of all columns not followed. Return how many sets must go back for one: those come first. */
static Py_ssize_t check(Paths *paths, TrainingSet **moved, Py_ssize_t n_moved)
{
    Py_ssize_t n_checked = 0, n_back = 0;
    for (Py_ssize_t k = 0; k < n_moved; k++) {
        TrainingSet *set = moved[k];
        if (set->n_candidates == paths->n_columns)
            continue;
        moved[n_checked++] = set;
        set->n_found = 0;
        fill_residual(paths, set, 0, paths->n_rows);
        for (Py_ssize_t i = 0; i < paths->n_rows; i++)
            set->pull[i] = set->shares[i] * set->residual[i];
    }
    for (Py_ssize_t j = 0; n_checked > 0 && j < paths->n_columns; j++)
        check_column(paths, moved, n_checked, j);
    for (Py_ssize_t k = 0; k < n_checked; k++)
        if (moved[k]->n_found > 0)
            moved[n_back++] = moved[k];
    return n_back;
}

/* Follow every path that stands above a penalty down to it. */
static int descend(Paths *paths, double alpha)
{
    Py_ssize_t n_moved = 0;
    for (Py_ssize_t k = 0; k < paths->n_sets; k++)
        if (paths->sets[k].alpha > alpha) {
            paths->moved[n_moved] = &paths->sets[k];
            prepare(paths, paths->moved[n_moved++], alpha);
        }
    for (Py_ssize_t k = 0; k < n_moved; k++)
        if (fill_active_gram(paths, paths->moved[k]) < 0)
            return NO_MEMORY;
    while (n_moved > 0) {
        for (Py_ssize_t k = 0; k < n_moved; k++) {
            const int outcome = follow(paths, paths->moved[k], alpha);
            if (outcome != DONE)
                return outcome;
        }
        n_moved = check(paths, paths->moved, n_moved);
        for (Py_ssize_t k = 0; k < n_moved; k++)
            if (go_back(paths, paths->moved[k]) < 0)
                return NO_MEMORY;
    }
    return DONE;
}

/* ---------------------------------------------------------------- training sets */

/* Center and scale a column by the training rows of every set. */
static void standardize(Paths *paths, Py_ssize_t column, const double *const *shares, double rounding)
{
    const double *x = values(paths, column);
    inner_products(paths->products, x, shares, paths->n_sets, paths->n_rows);
    for (Py_ssize_t k = 0; k < paths->n_sets; k++) {
        const double mean = paths->products[k];
        double variance;
        for (Py_ssize_t i = 0; i < paths->n_rows; i++)
            paths->weighted[i] = (x[i] - mean) * (x[i] - mean);
        inner_products(&variance, paths->weighted, shares + k, 1, paths->n_rows);
        const double spread = sqrt(variance);
        paths->sets[k].mean[column] = mean;
        paths->sets[k].scale[column] = spread > rounding + ROUNDING * fabs(mean) ? 1.0 / spread : 0.0;
    }
}

/* Fill a column's correlations with the target, and start the paths at the largest. */
static void correlate(Paths *paths, Py_ssize_t column, const double *const *pulls)
{
    inner_products(paths->products, values(paths, column), pulls, paths->n_sets, paths->n_rows);
    for (Py_ssize_t k = 0; k < paths->n_sets; k++) {
        TrainingSet *set = &paths->sets[k];
        const double correlation = paths->products[k] * set->scale[column];
        set->first_correlations[column] = fabs(correlation) > set->noise ? correlation : 0.0;
        set->last_correlations[column] = set->first_correlations[column];
        set->alpha = fmax(set->alpha, fabs(set->first_correlations[column]));
    }
}

static int allocate_set(const Paths *paths, TrainingSet *set)
{
    const Py_ssize_t n = paths->n_rows, p = paths->n_columns;
    const size_t room = (size_t)p + 1;
    double **vectors[] = {&set->mean,         &set->scale,  &set->first_correlations, &set->last_correlations,
                          &set->correlations, &set->slopes, &set->reach,              &set->shares,
                          &set->residual,     &set->pull};
    int complete = 1;
    for (int k = 0; k < 10; k++)
        complete &= (*vectors[k] = zeros(k < 7 ? p : n)) != NULL;
    set->chosen = calloc(room, 1);
    set->waiting = calloc(room, 1);
    set->checkpoint.waiting = calloc(room, 1);
    set->candidates = calloc(room, sizeof(Py_ssize_t));
    set->gram_lengths = calloc(room, sizeof(Py_ssize_t));
    set->held = calloc(room, sizeof(double *));
    set->gram = calloc(room, sizeof(double *));
    return complete && set->chosen && set->waiting && set->checkpoint.waiting && set->candidates && set->gram_lengths &&
                   set->held && set->gram
               ? 0
               : -1;
}

/* Deal the rows into held-out ones, those of a fold, and training ones; begin with no column. */
static void deal_rows(const Paths *paths, TrainingSet *set, Py_ssize_t fold, const int64_t *folds)
{
    const double *y = paths->views[1].buf, *weights = paths->views[2].buf;
    double variance = 0.0;
    set->steepest = 1.0;
    while (set->first < paths->n_rows && folds[set->first] < fold)
        set->first++;
    set->last = set->first;
    while (set->last < paths->n_rows && folds[set->last] == fold)
        set->last++;
    for (Py_ssize_t i = 0; i < paths->n_rows; i++)
        set->weight += folds[i] == fold ? 0.0 : weights[i];
    for (Py_ssize_t i = 0; i < paths->n_rows; i++) {
        set->shares[i] = folds[i] == fold ? 0.0 : weights[i] / set->weight;
        set->y_mean += set->shares[i] * y[i];
    }
    for (Py_ssize_t i = 0; i < paths->n_rows; i++) {
        set->pull[i] = set->shares[i] * (y[i] - set->y_mean);
        variance += set->pull[i] * (y[i] - set->y_mean);
    }
    set->noise = ROUNDING * sqrt(variance);
}

/* Return the mean squared error on the held-out rows. */
static double held_out_error(Paths *paths, TrainingSet *set)
{
    const double *weights = paths->views[2].buf;
    double sum = 0.0, weight = 0.0;
    fill_residual(paths, set, set->first, set->last);
    for (Py_ssize_t i = set->first; i < set->last; i++) {
        sum += weights[i] * set->residual[i] * set->residual[i];
        weight += weights[i];
    }
    return sum / weight;
}

/* ---------------------------------------------------------------- the object that Python holds */

static void free_set(const Paths *paths, TrainingSet *set)
{
    for (Py_ssize_t k = 0; set->gram && k < paths->n_columns; k++)
        free(set->gram[k]);
    void *blocks[] = {set->mean,
                      set->scale,
                      set->first_correlations,
                      set->last_correlations,
                      set->correlations,
                      set->slopes,
                      set->reach,
                      set->shares,
                      set->residual,
                      set->pull,
                      set->chosen,
                      set->waiting,
                      set->candidates,
                      set->gram_lengths,
                      (void *)set->held,
                      set->gram,
                      set->signs,
                      set->coefs,
                      set->direction,
                      set->link,
                      set->spare,
                      set->inverse,
                      (void *)set->inverse_rows,
                      set->checkpoint.active,
                      set->checkpoint.signs,
                      set->checkpoint.coefs,
                      set->checkpoint.waiting};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
        free(blocks[k]);
    for (int u = 0; u < LAG; u++)
        free(set->updates[u]);
}

static void free_paths(Paths *paths)
{
    for (Py_ssize_t k = 0; paths->sets && k < paths->n_sets; k++)
        free_set(paths, &paths->sets[k]);
    for (Py_ssize_t j = 0; paths->gram && j < paths->n_columns; j++)
        free(paths->gram[j]);
    void *blocks[] = {paths->gram,     paths->gram_lengths,  paths->places, paths->pool, (void *)paths->listed,
                      paths->weighted, paths->products,      paths->sets,   (void *)paths->moved};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
        free(blocks[k]);
    release_arrays(paths->views, 3);
    free(paths);
}

static const char NAME[] = "radiofuse.select._lasso_path.paths";

static void destroy(PyObject *capsule)
{
    free_paths(PyCapsule_GetPointer(capsule, NAME));
}

static int allocate_paths(Paths *paths)
{
    const size_t room = (size_t)(paths->n_columns + paths->n_sets + 1);
    paths->sets = calloc((size_t)paths->n_sets, sizeof(TrainingSet));
    paths->moved = calloc((size_t)paths->n_sets, sizeof(TrainingSet *));
    paths->gram = calloc(room, sizeof(double *));
    paths->gram_lengths = calloc(room, sizeof(Py_ssize_t));
    paths->places = calloc(room, sizeof(Py_ssize_t));
    paths->pool = calloc(room, sizeof(Py_ssize_t));
    paths->listed = calloc(room, sizeof(double *));
    paths->weighted = zeros(paths->n_rows);
    paths->products = zeros((Py_ssize_t)room);
    int complete = paths->sets && paths->moved && paths->gram && paths->gram_lengths && paths->places && paths->pool &&
                   paths->listed && paths->weighted && paths->products;
    for (Py_ssize_t k = 0; complete && k < paths->n_sets; k++)
        complete = allocate_set(paths, &paths->sets[k]) == 0;
    return complete ? 0 : -1;
}

/* Start every path where no column is active; without screening every column is a candidate. */
static void start_all(Paths *paths, const int64_t *folds, const double *rounding)
{
    for (Py_ssize_t k = 0; k < paths->n_sets; k++) {
        deal_rows(paths, &paths->sets[k], k, folds);
        paths->listed[k] = paths->sets[k].shares;
    }
    for (Py_ssize_t j = 0; j < paths->n_columns; j++) {
        paths->places[j] = -1;
        standardize(paths, j, paths->listed, rounding[j]);
    }
    for (Py_ssize_t k = 0; k < paths->n_sets; k++)
        paths->listed[k] = paths->sets[k].pull;
    for (Py_ssize_t j = 0; j < paths->n_columns; j++)
        correlate(paths, j, paths->listed);
    for (Py_ssize_t k = 0; !paths->screened && k < paths->n_sets; k++)
        for (Py_ssize_t j = 0; j < paths->n_columns; j++)
            add_candidate(paths, &paths->sets[k], j);
}

static int shapes_fit(const Py_buffer *views, Py_ssize_t n_folds)
{
    const Py_ssize_t p = views[0].shape[0], n = views[0].shape[1];
    const int64_t *folds = views[3].buf;
    int fit = n_folds >= 0 && n_folds <= n && views[1].shape[0] == n && views[2].shape[0] == n && views[3].shape[0] == n &&
              views[4].shape[0] == p && views[5].shape[0] == p;
    for (Py_ssize_t i = 0; fit && i < n; i++)
        fit = folds[i] >= (i > 0 ? folds[i - 1] : 0) && folds[i] < n_folds;
    if (!fit)
        PyErr_SetString(PyExc_ValueError,
                        "start: lengths differ, or folds fall, or a fold is not in range(n_folds), or folds outnumber rows");
    return fit;
}

/* start(columns (p, n), y (n), weights (n), folds (n), n_folds, rounding (p), gradient (p), screened): begin the path
   of every fold's training rows and of all rows, and fill gradient with the latter's mean products of column and
   centered y. Rows come fold by fold. rounding is the spread up to which a column is constant; screened says whether
   only the columns that the strong rule leaves are followed. */
static PyObject *start_paths(PyObject *module, PyObject *arguments)
{
    static const char *names[] = {"columns", "y", "weights", "folds", "rounding", "gradient"};
    PyObject *objects[6], *capsule = NULL;
    Py_ssize_t n_folds;
    Py_buffer views[6] = {{0}};
    int taken = 0, failed = 0, screened;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OOOOnOOp", &objects[0], &objects[1], &objects[2], &objects[3], &n_folds,
                          &objects[4], &objects[5], &screened))
        return NULL;
    while (taken < 6 && take_array(objects[taken], &views[taken], taken == 3 ? 'i' : 'f', 8, taken ? 1 : 2,
                                   taken == 5 ? WRITE : READ, names[taken]) == 0)
        taken++;
    Paths *paths = taken == 6 && shapes_fit(views, n_folds) ? calloc(1, sizeof(Paths)) : NULL;
    if (!paths) {
        release_arrays(views, 6);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    memcpy(paths->views, views, sizeof paths->views);
    paths->table = views[0].buf;
    paths->n_columns = views[0].shape[0];
    paths->n_rows = views[0].shape[1];
    paths->n_sets = n_folds + 1;
    paths->screened = screened;
    Py_BEGIN_ALLOW_THREADS
    failed = allocate_paths(paths) < 0;
    if (!failed) {
        start_all(paths, views[3].buf, views[4].buf);
        memcpy(views[5].buf, paths->sets[n_folds].first_correlations, (size_t)views[5].len);
    }
    Py_END_ALLOW_THREADS
    release_arrays(views + 3, 3);
    if (failed)
        PyErr_NoMemory();
    else
        capsule = PyCapsule_New(paths, NAME, destroy);
    if (!capsule)
        free_paths(paths);
    return capsule;
}

/* Follow every path to a penalty, by strides; fill the folds' errors and the coefficients of the path of all rows. */
static int advance_all(Paths *paths, double alpha, double *errors, double *coefs)
{
    const int whole = !paths->screened || alpha < DBL_MIN; /* strides among smaller numbers would lead nowhere */
    for (;;) {
        double highest = 0.0;
        for (Py_ssize_t k = 0; k < paths->n_sets; k++)
            highest = fmax(highest, paths->sets[k].alpha);
        if (highest <= alpha)
            break;
        const int outcome = descend(paths, whole ? alpha : fmax(alpha, STRIDE * highest));
        if (outcome != DONE)
            return outcome;
    }
    for (Py_ssize_t k = 0; k + 1 < paths->n_sets; k++)
        errors[k] = held_out_error(paths, &paths->sets[k]);
    const TrainingSet *all = &paths->sets[paths->n_sets - 1];
    for (Py_ssize_t k = 0; k < all->n_active; k++)
        if (fabs(all->coefs[k]) > all->noise)
            coefs[all->candidates[k]] = all->coefs[k];
    return DONE;
}

/* advance(paths, alpha, errors (n_folds), coefs (p)): follow every path down to alpha, at most the last one; coefs
   must come as zeros. */
static PyObject *advance(PyObject *module, PyObject *arguments)
{
    PyObject *capsule, *errors, *coefs, *done = NULL;
    Py_buffer views[2] = {{0}};
    double alpha;
    int outcome;
    (void)module;
    if (!PyArg_ParseTuple(arguments, "OdOO", &capsule, &alpha, &errors, &coefs))
        return NULL;
    Paths *paths = PyCapsule_GetPointer(capsule, NAME);
    if (!paths)
        return NULL;
    if (take_array(errors, &views[0], 'f', 8, 1, WRITE, "errors") == 0 &&
        take_array(coefs, &views[1], 'f', 8, 1, WRITE, "coefs") == 0) {
        if (!(alpha >= 0)) {
            PyErr_SetString(PyExc_ValueError, "advance: alpha is negative or NaN");
        } else if (views[0].shape[0] != paths->n_sets - 1 || views[1].shape[0] != paths->n_columns) {
            PyErr_SetString(PyExc_ValueError, "advance: errors has one item per fold, coefs one per column");
        } else {
            Py_BEGIN_ALLOW_THREADS
            outcome = advance_all(paths, alpha, views[0].buf, views[1].buf);
            Py_END_ALLOW_THREADS
            if (outcome == STUCK)
                PyErr_SetString(PyExc_ArithmeticError, "advance: columns that tie exactly take turns without end");
            else
                done = outcome == DONE ? Py_NewRef(Py_None) : PyErr_NoMemory();
        }
    }
    release_arrays(views, 2);
    return done;
}

static PyMethodDef methods[] = {{"start", start_paths, METH_VARARGS, NULL},
                                {"advance", advance, METH_VARARGS, NULL},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_lasso_path", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__lasso_path(void)
{
    return PyModule_Create(&module);
}

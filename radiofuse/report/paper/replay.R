# Computes the numbers of a run anew in R, from its files alone, and prints both beside each other.
#
#   Rscript replay.R [BUNDLE]        BUNDLE: the folder bundle of the run; by default ../bundle, seen from this file
#
# Needs the package pROC (Robin et al. 2011). Read are predictions.csv, scores.csv, calibration.csv, comparisons.csv
# and folds.csv. Scores of all classes of an outcome together are left out. Exit code 1: some number differs.

suppressPackageStartupMessages(library(pROC))

DIGITS <- 6

own_folder <- function() {
  file <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  if (length(file)) dirname(normalizePath(file[1])) else getwd()
}
given <- commandArgs(TRUE)
bundle <- if (length(given)) given[1] else file.path(own_folder(), "..", "bundle")

read_table <- function(name, numbers) {
  cells <- read.csv(file.path(bundle, paste0(name, ".csv")), colClasses = "character", check.names = FALSE,
                    na.strings = character(0), encoding = "UTF-8")
  for (column in numbers) cells[[column]] <- suppressWarnings(as.numeric(cells[[column]]))
  cells
}

predictions <- read_table("predictions", c("repeat", "fold", "label", "probability"))
scores <- read_table("scores", c("value", "low", "high"))
calibration <- read_table("calibration", c("slope", "intercept", "predicted", "observed"))
comparisons <- read_table("comparisons", c("difference", "p_value", "adjusted_p_value"))
folds <- read_table("folds", c("repeat", "fold", "n_train", "n_test"))

rows_of <- function(outcome, model, class) {
  predictions[predictions$outcome == outcome & predictions$model == model & predictions$class == class, ]
}
mean_of_repeats <- function(rows, measure) mean(sapply(split(rows, rows[["repeat"]]), measure))

area <- function(rows) {
  as.numeric(auc(roc(rows$label, rows$probability, levels = c(0, 1), direction = "<", quiet = TRUE)))
}
ratio <- function(part, whole) if (whole > 0) part / whole else 0
called <- function(measure) function(rows) {
  call <- rows$probability >= 0.5
  measure(sum(call & rows$label == 1), sum(call & rows$label == 0), sum(!call & rows$label == 1),
          sum(!call & rows$label == 0))
}
MEASURES <- list(
  auc = area,
  brier = function(rows) mean((rows$probability - rows$label)^2)
)
CALLS <- list(
  accuracy = function(tp, fp, fn, tn) (tp + tn) / (tp + fp + fn + tn),
  balanced_accuracy = function(tp, fp, fn, tn) (ratio(tp, tp + fn) + ratio(tn, tn + fp)) / 2,
  precision = function(tp, fp, fn, tn) ratio(tp, tp + fp),
  recall = function(tp, fp, fn, tn) ratio(tp, tp + fn),
  specificity = function(tp, fp, fn, tn) ratio(tn, tn + fp),
  f1 = function(tp, fp, fn, tn) ratio(2 * tp, 2 * tp + fp + fn),
  mcc = function(tp, fp, fn, tn) {
    margins <- as.numeric(tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    ratio(as.numeric(tp) * tn - as.numeric(fp) * fn, sqrt(margins))
  }
)

differing <- 0
say <- function(what, ours, theirs) {
  shown <- formatC(c(ours, theirs), format = "g", digits = DIGITS, flag = "#")
  # Two sides of a rounding may be one number: what is less than half of the last digit apart is the same, too.
  same <- shown[1] == shown[2] || isTRUE(abs(ours - theirs) < 0.5 * 10^-DIGITS * max(abs(ours), abs(theirs), 1e-9))
  differing <<- differing + !same
  cat(sprintf("%-64s %14s %14s  %s\n", what, shown[1], shown[2], if (same) "same" else "DIFFERS"))
}

cat(sprintf("%-64s %14s %14s\n", "", "R", "radiofuse"))

# ---- scores
several <- unique(scores$outcome[scores$class == ""])
for (place in which(scores$class != "" & is.finite(scores$value))) {
  row <- scores[place, ]
  measure <- MEASURES[[row$metric]]
  if (is.null(measure) && !is.null(CALLS[[row$metric]]) && !(row$outcome %in% several)) {
    measure <- called(CALLS[[row$metric]])  # of several classes the most probable one is called
  }
  if (is.null(measure)) next
  own <- rows_of(row$outcome, row$model, row$class)
  say(paste(row$outcome, row$model, row$class, row$metric), mean_of_repeats(own, measure), row$value)
}

# ---- calibration: the line of the label over the predicted log-odds, the mean of the repeats
line_of <- function(rows) {
  own <- rows[rows$probability > 0 & rows$probability < 1, ]
  suppressWarnings(coef(glm(label ~ qlogis(probability), binomial, own, epsilon = 1e-14, maxit = 100)))
}
for (place in which(is.finite(calibration$slope) & is.finite(calibration$intercept))) {
  row <- calibration[place, ]
  own <- rows_of(row$outcome, row$model, row$class)
  lines <- rowMeans(sapply(split(own, own[["repeat"]]), line_of))
  say(paste(row$outcome, row$model, row$class, "calibration slope"), lines[2], row$slope)
  say(paste(row$outcome, row$model, row$class, "calibration intercept"), lines[1], row$intercept)
}

# ---- DeLong's test of the mean AUC of the repeats: placements (DeLong et al. 1988), averaged over the repeats
placements <- function(rows, ids) {
  by_repeat <- lapply(split(rows, rows[["repeat"]]), function(one) {
    one <- one[match(ids, one$sample_id), ]
    positive <- one$probability[one$label == 1]
    negative <- one$probability[one$label == 0]
    wins <- outer(positive, negative, function(a, b) (a > b) + 0.5 * (a == b))
    list(of_positive = rowMeans(wins), of_negative = colMeans(wins))
  })
  lapply(c(of_positive = "of_positive", of_negative = "of_negative"), function(name) {
    rowMeans(sapply(by_repeat, function(one) one[[name]]))
  })
}
for (place in which(comparisons$test == "DeLong" & is.finite(comparisons$p_value))) {
  row <- comparisons[place, ]
  both <- lapply(c(row$a, row$b), function(model) {
    predictions[predictions$outcome == row$outcome & predictions$model == model, ]
  })
  ids <- intersect(both[[1]]$sample_id, both[[2]]$sample_id)
  first <- placements(both[[1]], ids)
  second <- placements(both[[2]], ids)
  difference <- mean(first$of_positive) - mean(second$of_positive)
  variance <- var(first$of_positive - second$of_positive) / length(first$of_positive) +
    var(first$of_negative - second$of_negative) / length(first$of_negative)
  what <- paste(row$outcome, row$a, "minus", row$b)
  say(paste(what, "AUC"), difference, row$difference)
  say(paste(what, "p, DeLong"), 2 * pnorm(-abs(difference) / sqrt(variance)), row$p_value)
  if (length(unique(both[[1]][["repeat"]])) == 1) {
    curves <- lapply(both, function(one) {
      one <- one[match(ids, one$sample_id), ]
      roc(one$label, one$probability, levels = c(0, 1), direction = "<", quiet = TRUE)
    })
    say(paste(what, "p, pROC"), roc.test(curves[[1]], curves[[2]], method = "delong")$p.value, row$p_value)
  }
}
for (outcome in unique(comparisons$outcome)) {
  own <- comparisons[comparisons$outcome == outcome & is.finite(comparisons$p_value), ]
  adjusted <- p.adjust(own$p_value, "holm")
  for (place in seq_along(adjusted)) {
    say(paste(outcome, own$a[place], "minus", own$b[place], "p, Holm"), adjusted[place], own$adjusted_p_value[place])
  }
}

# ---- folds: patients of each class that are tested, of the model with most rows
for (outcome in unique(folds$outcome)) {
  own <- predictions[predictions$outcome == outcome, ]
  own <- own[own$model == names(which.max(table(own$model))), ]
  for (class in intersect(unique(folds$class[folds$outcome == outcome]), unique(own$class))) {
    expected <- folds[folds$outcome == outcome & folds$class == class, ]
    found <- mapply(function(r, f) {
      length(unique(own$patient_id[own$class == class & own$label == 1 & own[["repeat"]] == r & own$fold == f]))
    }, expected[["repeat"]], expected$fold)
    say(paste(outcome, class, "patients tested, all folds"), sum(found), sum(expected$n_test))
    say(paste(outcome, class, "folds whose number of patients differs"), sum(found != expected$n_test), 0)
  }
}

# ---- DeLong's interval, for its own sake: that of scores.csv is of resampled patients, and another one
cat("\nDeLong's 95 % interval of the AUC in the first repeat (pROC), beside that of resampled patients in scores.csv\n")
for (place in which(scores$metric == "auc" & scores$class != "" & is.finite(scores$value))) {
  row <- scores[place, ]
  own <- rows_of(row$outcome, row$model, row$class)
  own <- own[own[["repeat"]] == min(own[["repeat"]]), ]
  limits <- suppressWarnings(ci.auc(roc(own$label, own$probability, levels = c(0, 1), direction = "<", quiet = TRUE)))
  cat(sprintf("%-64s %.3f to %.3f   %.3f to %.3f\n", paste(row$outcome, row$model, row$class), limits[1], limits[3],
              row$low, row$high))
}

cat(sprintf("\n%d numbers differ in the first %d digits.\n", differing, DIGITS))
quit(status = as.integer(differing > 0))

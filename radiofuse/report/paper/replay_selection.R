# Computes the LASSO of a selection anew with glmnet, on the same table, features and inner folds, and prints both.
#
#   Rscript replay_selection.R TABLE [FOLDER] [ID]
#
# TABLE: the CSV file that `radiofuse select` read. FOLDER: its output folder; by default the one above this file. ID: the
# column of TABLE that names the sample, sample_id by default. Needs the package glmnet (Friedman et al. 2010). Read are
# selection.csv (which features reached the LASSO), folds.csv (inner folds of the selection on all samples),
# cv_curve.csv (the penalties) and predictions.csv (labels). For two classes and the families gaussian and binomial,
# without harmonization. Exit code 1: some number differs.

suppressPackageStartupMessages(library(glmnet))

DIGITS <- 4  # paths are followed to their ends in other ways

file <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
given <- commandArgs(TRUE)
if (!length(given)) stop("Name the table that the selection read: Rscript replay_selection.R TABLE")
folder <- if (length(given) > 1) given[2] else file.path(dirname(normalizePath(file[1])), "..")
id <- if (length(given) > 2) given[3] else "sample_id"

read_table <- function(path) read.csv(path, colClasses = "character", check.names = FALSE, na.strings = character(0))
of_selection <- function(name) read_table(file.path(folder, paste0(name, ".csv")))
numeric_of <- function(cells) suppressWarnings(as.numeric(cells))
record <- readLines(file.path(folder, "selection.json"), warn = FALSE)
family <- sub('.*"family": "([a-z]+)".*', "\\1", grep('"family": ', record, value = TRUE)[1])
if (!family %in% c("gaussian", "binomial")) stop("The LASSO of this selection is of another family.")

table <- read_table(given[1])
selection <- of_selection("selection")
folds <- of_selection("folds")
curve <- of_selection("cv_curve")
labels <- of_selection("predictions")

differing <- 0
say <- function(what, ours, theirs) {
  shown <- formatC(c(ours, theirs), format = "g", digits = DIGITS, flag = "#")
  same <- shown[1] == shown[2] || isTRUE(abs(ours - theirs) < 0.5 * 10^-DIGITS * max(abs(ours), abs(theirs), 1e-3))
  differing <<- differing + !same
  cat(sprintf("%-76s %11s %11s  %s\n", what, shown[1], shown[2], if (same) "same" else "DIFFERS"))
}

cat(sprintf("%-76s %11s %11s\n", "", "glmnet", "radiofuse"))
for (modality in unique(curve$modality)) {
  own <- selection[selection$modality == modality, ]
  for (step in intersect(c("passed_test", "kept_after_prune"), names(own))) {
    if (any(own[[step]] == "True")) own <- own[own[[step]] == "True", ]
  }
  places <- match(tolower(paste0(modality, "__", own$feature)), tolower(names(table)))  # names of modalities are lowered
  if (anyNA(places)) places <- match(own$feature, names(table))
  inner <- folds[folds$modality == modality & folds$fold == "", ]
  rows <- match(inner$sample_id, table[[id]])
  if (anyNA(places) || length(places) < 2 || anyNA(rows)) {
    cat(modality, ": glmnet needs two features or more, and the table every one of them and every sample\n")
    next
  }
  x <- sapply(places, function(place) numeric_of(table[[place]][rows]))
  x <- apply(x, 2, function(cells) ifelse(is.na(cells), median(cells, na.rm = TRUE), cells))
  y <- numeric_of(labels$label[match(inner$sample_id, labels$sample_id)])
  final <- curve[curve$modality == modality & curve$fold == "", ]
  penalties <- numeric_of(final$lambda)
  fitted <- cv.glmnet(x, y, family = family, foldid = numeric_of(inner$inner_fold) + 1, lambda = penalties,
                      thresh = 1e-14, maxit = 1e6)
  least <- penalties[final$is_min == "True"][1]
  say(paste(modality, "error at lambda.min"), fitted$cvm[which.min(abs(fitted$lambda - least))],
      numeric_of(final$cvm[final$is_min == "True"])[1])
  say(paste(modality, "lambda.min"), fitted$lambda.min, least)
  spread <- sqrt(colMeans(scale(x, TRUE, FALSE)^2))
  coefficients <- as.numeric(coef(fitted, s = least))[-1] * spread
  for (place in seq_along(places)) {
    say(paste(modality, own$feature[place]), coefficients[place], numeric_of(own$coef_min[place]))
  }
}
cat(sprintf("\n%d numbers differ in the first %d digits.\n", differing, DIGITS))
quit(status = as.integer(differing > 0))

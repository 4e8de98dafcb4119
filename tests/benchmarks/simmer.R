# The reference workload in simmer, without a call back into R while it runs: arrivals and service times come from
# data frames. Arguments: the folder with vehicles.csv and stations.csv, then 0 or 1 for opening hours and for the yard.
# Reads a line from standard input for each run and answers with its CPU seconds; at the end it writes exits.csv.

suppressPackageStartupMessages(library(simmer))

given <- commandArgs(trailingOnly = TRUE)
folder <- given[1]
has_hours <- given[2] == "1"
has_yard <- given[3] == "1"
vehicles <- read.csv(file.path(folder, "vehicles.csv"))
stations <- read.csv(file.path(folder, "stations.csv"), stringsAsFactors = FALSE)
settings <- read.csv(file.path(folder, "settings.csv"))
work <- paste0("work", seq_len(nrow(stations)) - 1)
ports <- sort(unique(vehicles$port))

route <- function(port, inspected) {
  path <- trajectory()
  if (has_yard) path <- seize(path, paste0("yard", port))
  for (i in seq_len(nrow(stations))) {
    if (stations$inspection[i] == 1 && !inspected) next
    name <- paste0(stations$name[i], port)
    path <- release(timeout_from_attribute(seize(path, name), work[i]), name)
    if (has_yard && stations$leaves_yard[i] == 1) path <- release(path, paste0("yard", port))
  }
  path
}

# One source for each port and kind of vehicle; the arrivals of a source are named by its name and their number.
groups <- list()
for (port in ports) {
  for (inspected in 0:1) {
    rows <- which(vehicles$port == port & vehicles$inspected == inspected)
    if (length(rows)) {
      groups[[length(groups) + 1]] <- list(
        name = paste0("port", port, "kind", inspected, "vehicle"),
        rows = rows, data = vehicles[rows, c("time", work)], path = route(port, inspected == 1)
      )
    }
  }
}

simulate <- function() {
  env <- simmer()
  for (port in ports) {
    for (i in seq_len(nrow(stations))) {
      servers <- stations$servers[i]
      if (has_hours) {
        servers <- schedule(c(settings$open, settings$close), c(servers, 0), period = settings$day)
      }
      env <- add_resource(env, paste0(stations$name[i], port), capacity = servers, mon = FALSE)
    }
    if (has_yard) env <- add_resource(env, paste0("yard", port), capacity = settings$yard, mon = FALSE)
  }
  for (group in groups) {
    env <- add_dataframe(env, group$name, group$path, group$data,
      mon = 1, col_time = "time", time = "absolute", col_attributes = work
    )
  }
  run(env, until = settings$horizon)
}

lines <- file("stdin", open = "r")
cat("ready\n")
flush(stdout())
repeat {
  line <- readLines(lines, n = 1)
  if (length(line) == 0 || line != "run") break
  before <- proc.time()
  env <- simulate()
  spent <- proc.time() - before
  cat(sprintf("%.6f\n", spent[["user.self"]] + spent[["sys.self"]]))
  flush(stdout())
}

found <- get_mon_arrivals(env)
exits <- rep(-1, nrow(vehicles))
for (group in groups) {
  here <- startsWith(found$name, group$name)
  number <- as.integer(substring(found$name[here], nchar(group$name) + 1)) + 1
  exits[group$rows[number]] <- found$end_time[here]
}
writeLines(sprintf("%.0f", exits), file.path(folder, "exits.csv"))
peak <- NA
if (file.exists("/proc/self/status")) {
  status <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  peak <- as.numeric(gsub("[^0-9]", "", status)) / 1024
}
cat(sprintf("%.1f\n", peak))

// The worker pool and its number of threads belong to the whole process, and some tests change the number: one test at a time.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

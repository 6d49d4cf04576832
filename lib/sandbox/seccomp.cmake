# The default system call filter, generated with libseccomp when the project is built.

/* One way to start a program, or to get around being asked, for each name. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char *id[] = {"/usr/bin/id", 0};

static int after(pid_t child) {
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
static int failed(void) { printf("%s\n", strerror(errno)); return 1; }
static void *exec_in_thread(void *unused) { execv(id[0], id); failed(); exit(1); return unused; }

static int memory(void) {
    int from = open(id[0], O_RDONLY), to = memfd_create("tool", MFD_CLOEXEC);
    char piece[65536];
    for (ssize_t n; (n = read(from, piece, sizeof piece)) > 0;) if (write(to, piece, n) != n) return 2;
    syscall(SYS_execveat, to, "", id, environ, AT_EMPTY_PATH);
    return failed();
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

int main(int argc, char **argv) {
    const char *way = argc > 1 ? argv[1] : "";
    int number = argc > 2 ? atoi(argv[2]) : 0;
    if (!strcmp(way, "vfork")) {
        pid_t child = vfork();
        if (!child) { execv(id[0], id); _exit(errno == EPERM ? 42 : 43); }
        return after(child);
    }
    if (!strcmp(way, "spawn")) {
        pid_t child;
        errno = posix_spawn(&child, id[0], 0, 0, id, environ);
        return errno ? failed() : after(child);
    }
    if (!strcmp(way, "twice")) {
        pid_t child = fork();
        if (!child) { if (!fork()) { setsid(); execv(id[0], id); return failed(); } usleep(300000); _exit(0); }
        return after(child);
    }
    if (!strcmp(way, "memory")) return memory();
    if (!strcmp(way, "thread")) {
        pthread_t thread;
        pthread_create(&thread, 0, exec_in_thread, 0);
        for (;;) pause();
    }
    if (!strcmp(way, "self")) { /* runs itself by the link that means something else to everybody */
        if (argc > 2) { puts("myself"); return 0; }
        execl("/proc/self/exe", "again", "self", "x", (char *)0);
        return failed();
    }
    if (!strcmp(way, "nothing")) { char *none[] = {0}; execve("/usr/bin/id", none, none); return failed(); }
#ifdef __x86_64__
    if (!strcmp(way, "narrow")) { /* execve of the 32-bit ABI */
        long result;
        char *low = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        strcpy(low, "/usr/bin/id");
        *(unsigned *)(low + 64) = (unsigned)(long)low;
        *(unsigned *)(low + 68) = 0;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(11), "b"(low), "c"(low + 64), "d"(0) : "memory");
        printf("came back with %ld\n", result);
        return 0;
    }
    if (!strcmp(way, "x32")) { syscall(0x40000000 + 520, id[0], id, environ); return failed(); }
#endif
    if (!strcmp(way, "trace")) return ptrace(PTRACE_TRACEME, 0, 0, 0) ? failed() : 0;
    if (!strcmp(way, "write")) {
        char byte = 0;
        struct iovec here = {&byte, 1}, there = {&byte, 1};
        return process_vm_writev(getpid(), &here, 1, &there, 1, 0) < 0 ? failed() : 0;
    }
    if (!strcmp(way, "namespace")) return unshare(CLONE_NEWUSER) ? failed() : 0;
    if (!strcmp(way, "shared")) return syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0) < 0 ? failed() : 0;
    if (!strcmp(way, "listener")) return syscall(SYS_seccomp, 1, 1 << 3, 0) < 0 ? failed() : 0;
    if (!strcmp(way, "kill")) return kill(number, SIGKILL) ? failed() : 0;
    if (!strcmp(way, "limit")) {
        struct rlimit none = {0, 0};
        return prlimit(number, RLIMIT_CPU, &none, 0) ? failed() : 0;
    }
    if (!strcmp(way, "owner")) {
        int ends[2];
        if (pipe(ends)) return 2;
        return fcntl(ends[0], F_SETOWN, number) < 0 ? failed() : 0;
    }
    if (!strcmp(way, "join")) return setpgid(0, number) ? failed() : 0;
    if (!strcmp(way, "time")) { /* microseconds for each of so many programs */
        char *none[] = {0}, *args[] = {"true", 0};
        while (number--) {
            double start = now();
            pid_t child = fork();
            if (!child) { execve("/bin/true", args, none); _exit(1); }
            if (after(child)) return 3;
            printf("%.0f\n", now() - start);
        }
        return 0;
    }
    return 64;
}

/* Starts programs while another thread changes what was named. `race MODE ROUNDS GOOD EVIL`
 * arg: one argument flips between two words      pointer: the list of arguments flips
 * path: the path flips                           cwd: the working directory flips        env: a variable flips */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *mode, *good, *evil;
static char word[4096], variable[4096];
static char *volatile list[3];

static void idle(void) { for (volatile int i = 0; i < 20000; i++) {} }

static void turn(const char *to) {
    if (!strcmp(mode, "arg") || !strcmp(mode, "path")) strcpy(word, to);
    if (!strcmp(mode, "env")) { strcpy(variable, "WORD="); strcat(variable, to); }
    if (!strcmp(mode, "pointer")) list[1] = (char *)to;
    if (!strcmp(mode, "cwd") && chdir(to)) _exit(9);
    __asm__ volatile("" ::: "memory");
}

static void *flip(void *unused) {
    (void)unused;
    for (;;) { turn(evil); idle(); turn(good); idle(); }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    mode = argv[1]; good = argv[3]; evil = argv[4];
    for (int round = atoi(argv[2]); round; round--) {
        pid_t child = fork();
        if (!child) {
            char *none[] = {0}, *env[] = {variable, 0};
            turn(good);
            pthread_t thread;
            pthread_create(&thread, 0, flip, 0);
            usleep(200 + round % 7 * 50);
            if (!strcmp(mode, "arg")) { char *a[] = {"echo", word, 0}; execve("/bin/echo", a, none); }
            if (!strcmp(mode, "pointer")) { list[0] = "echo"; execve("/bin/echo", (char **)list, none); }
            if (!strcmp(mode, "path")) { char *a[] = {"program", 0}; execve(word, a, none); }
            if (!strcmp(mode, "cwd")) { char *a[] = {"cat", "word", 0}; execve("/bin/cat", a, none); }
            if (!strcmp(mode, "env")) { char *a[] = {"printenv", "WORD", 0}; execve("/usr/bin/printenv", a, env); }
            _exit(7);
        }
        int status;
        waitpid(child, &status, 0);
        if (WIFSIGNALED(status)) puts("killed");
        else if (WEXITSTATUS(status) == 7) puts("refused");
        fflush(stdout);
    }
    return 0;
}

/* Lets the disk, the clock and the life of a process go wrong at the moment it is told to: LD_PRELOAD, with orders in a
   mapped file. Only regular files fail, and never the log on standard output and error. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITES = 1, FLUSHES = 2, SENDS = 3 };

/* `Orders` in orders.py writes them. */
static struct orders {
    _Atomic int64_t clock_ns; /* what the time of day is ahead by */
    _Atomic int64_t error;    /* what writing says: ENOSPC where a file would grow, EIO always; 0 nothing */
    _Atomic int64_t slow_us;  /* what a flush takes longer */
    _Atomic int64_t victim;   /* of which calls the process does not survive */
    _Atomic int64_t left;     /* the one in which `left` comes to 0 */
    _Atomic int64_t after;    /* it dies after that call has done its work, rather than before */
} none, *orders = &none;

#define REAL(name)                                                                                                     \
    static __typeof__(name) *real;                                                                                     \
    if (!real)                                                                                                         \
        real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void read_orders(void)
{
    const char *path = getenv("FAULTS_ORDERS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *found = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (found != MAP_FAILED)
        orders = found;
    close(file);
}

static int64_t size_of(int file)
{
    struct stat found;
    return file > 2 && fstat(file, &found) == 0 && S_ISREG(found.st_mode) ? found.st_size : -1;
}

/* Whether this very call is the last. */
static int is_last(int kind)
{
    return orders->victim == kind && atomic_fetch_sub(&orders->left, 1) == 1;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    pause();
}

/* 0 where the call may be made; `end` is where the file would end after it, or -1. */
static int stopped(int kind, int file, int64_t end, int *last)
{
    int64_t size = size_of(file);
    *last = 0;
    if (size < 0)
        return 0;
    if ((*last = is_last(kind)) && !orders->after)
        die();
    if (kind == FLUSHES && orders->slow_us)
        usleep(orders->slow_us);
    if (orders->error && (orders->error != ENOSPC || end > size)) {
        errno = (int)orders->error;
        return 1;
    }
    return 0;
}

#define CALL(kind, file, end, type, call)                                                                              \
    int last;                                                                                                          \
    if (stopped(kind, file, end, &last))                                                                               \
        return -1;                                                                                                     \
    type done = call;                                                                                                  \
    if (last)                                                                                                          \
        die();                                                                                                         \
    return done

#define HERE(file) lseek(file, 0, SEEK_CUR)

static int64_t length(const struct iovec *parts, int count)
{
    int64_t sum = 0;
    while (count--)
        sum += parts[count].iov_len;
    return sum;
}

ssize_t write(int file, const void *from, size_t size)
{
    REAL(write);
    CALL(WRITES, file, HERE(file) + (int64_t)size, ssize_t, real(file, from, size));
}

ssize_t pwrite(int file, const void *from, size_t size, off_t at)
{
    REAL(pwrite);
    CALL(WRITES, file, at + (int64_t)size, ssize_t, real(file, from, size, at));
}

ssize_t pwrite64(int file, const void *from, size_t size, off64_t at)
{
    REAL(pwrite64);
    CALL(WRITES, file, at + (int64_t)size, ssize_t, real(file, from, size, at));
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    REAL(writev);
    CALL(WRITES, file, HERE(file) + length(parts, count), ssize_t, real(file, parts, count));
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at)
{
    REAL(pwritev);
    CALL(WRITES, file, at + length(parts, count), ssize_t, real(file, parts, count, at));
}

ssize_t pwritev64(int file, const struct iovec *parts, int count, off64_t at)
{
    REAL(pwritev64);
    CALL(WRITES, file, at + length(parts, count), ssize_t, real(file, parts, count, at));
}

int ftruncate(int file, off_t size)
{
    REAL(ftruncate);
    CALL(WRITES, file, size, int, real(file, size));
}

int ftruncate64(int file, off64_t size)
{
    REAL(ftruncate64);
    CALL(WRITES, file, size, int, real(file, size));
}

/* This one answers the error instead of setting it. */
int posix_fallocate(int file, off_t at, off_t size)
{
    int last;
    REAL(posix_fallocate);
    return stopped(WRITES, file, at + size, &last) ? errno : real(file, at, size);
}

int fsync(int file)
{
    REAL(fsync);
    CALL(FLUSHES, file, -1, int, real(file));
}

int fdatasync(int file)
{
    REAL(fdatasync);
    CALL(FLUSHES, file, -1, int, real(file));
}

/* How a client of PostgreSQL speaks: its connection has no size, and does not fail. */
ssize_t send(int connection, const void *from, size_t size, int flags)
{
    REAL(send);
    int last = is_last(SENDS);
    if (last && !orders->after)
        die();
    ssize_t done = real(connection, from, size, flags);
    if (last)
        die();
    return done;
}

static void shift(struct timespec *now)
{
    int64_t shifted = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + orders->clock_ns;
    now->tv_sec = shifted / INT64_C(1000000000);
    now->tv_nsec = shifted % INT64_C(1000000000);
}

int clock_gettime(clockid_t which, struct timespec *now)
{
    REAL(clock_gettime);
    int done = real(which, now);
    if (done == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        shift(now);
    return done;
}

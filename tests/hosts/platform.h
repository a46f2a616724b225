/* What the C host needs of a system: a library loaded by name, threads and their number, a pause. Windows or
 * Linux. */

#ifndef PLATFORM_H
#define PLATFORM_H

#ifdef _WIN32

#include <windows.h>

#include <tlhelp32.h>

typedef HMODULE library_t;
typedef HANDLE thread_t;

#define LOAD(name) LoadLibraryA(name)
#define SYMBOL(library, name) GetProcAddress(library, name)
#define UNLOAD(library) (FreeLibrary(library) != 0)
#define IS_LOADED(name) (GetModuleHandleA(name) != NULL)

#define THREAD(name) static DWORD WINAPI name(LPVOID argument)
#define THREAD_END 0
#define START(thread, function, argument) \
    ((*(thread) = CreateThread(NULL, 0, function, argument, 0, NULL)) != NULL)
#define JOIN(thread) WaitForSingleObject(thread, INFINITE)
#define PAUSE() Sleep(1)

/* How many threads this process has. */
static inline int thread_count(void) {
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry = {.dwSize = sizeof entry};
    int count = 0;
    for (BOOL more = Thread32First(all, &entry); more; more = Thread32Next(all, &entry))
        count += entry.th32OwnerProcessID == GetCurrentProcessId();
    CloseHandle(all);
    return count;
}

#else

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

typedef void *library_t;
typedef pthread_t thread_t;

#define LOAD(name) dlopen(name, RTLD_NOW | RTLD_LOCAL)
#define SYMBOL(library, name) dlsym(library, name)
#define UNLOAD(library) (dlclose(library) == 0)
#define IS_LOADED(name) is_loaded(name)

static inline int is_loaded(const char *name) {
    void *again = dlopen(name, RTLD_NOW | RTLD_NOLOAD);
    /* Asking counts as loading. */
    return again && dlclose(again) == 0;
}

/* How many threads this process has. */
static inline int thread_count(void) {
    DIR *all = opendir("/proc/self/task");
    int count = 0;
    for (struct dirent *entry; (entry = readdir(all));) count += entry->d_name[0] != '.';
    closedir(all);
    return count;
}

#define THREAD(name) static void *name(void *argument)
#define THREAD_END NULL
#define START(thread, function, argument) (pthread_create(thread, NULL, function, argument) == 0)
#define JOIN(thread) pthread_join(thread, NULL)
#define PAUSE() nanosleep(&(struct timespec){0, 1000000}, NULL)

#endif

#endif

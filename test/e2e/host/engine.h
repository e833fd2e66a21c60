/* SPDX-License-Identifier: MIT
 *
 * engine.h - what the host sees of Engine.IO sessions.
 */
#ifndef HOST_ENGINE_H
#define HOST_ENGINE_H

int add_engine_hooks(void);

#endif

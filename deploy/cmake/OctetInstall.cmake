# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where, by component:
#
#   server       bin/octet-server
#   client       bin/octet and its shell completions
#   tools        bin/octet-model
#   development  octet::client: headers, static libraries, a CMake package
#   protocol     the .proto files, for clients in any language
#   documents    README files and the licence
#
# --strip leaves out the debugging information.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(octet_headers "${CMAKE_INSTALL_INCLUDEDIR}/octet")
set(octet_package "${CMAKE_INSTALL_LIBDIR}/cmake/octet")

# octet_install_program(target component)
function(octet_install_program target component)
  install(TARGETS ${target} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
          COMPONENT ${component})
endfunction()

# octet_linked_libraries(result target): the target, and every library of the
# project that it is linked with.
function(octet_linked_libraries result target)
  set(found "")
  set(waiting ${target})
  while(waiting)
    list(POP_FRONT waiting next)
    if(TARGET ${next} AND next MATCHES "^octet_" AND NOT next IN_LIST found)
      list(APPEND found ${next})
      get_target_property(linked ${next} INTERFACE_LINK_LIBRARIES)
      if(linked)
        list(APPEND waiting ${linked})
      endif()
    endif()
  endwhile()
  set(${result} ${found} PARENT_SCOPE)
endfunction()

# The library of target octet_x is installed as octet::x, in liboctet_x.a, with
# its headers at the paths that they are included by.
function(octet_install_client_library)
  octet_linked_libraries(libraries octet_client)
  foreach(library IN LISTS libraries)
    string(REGEX REPLACE "^octet_" "" name "${library}")
    set_target_properties(${library} PROPERTIES EXPORT_NAME ${name})
  endforeach()
  install(TARGETS ${libraries} EXPORT octet
          ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development
          FILE_SET HEADERS DESTINATION "${octet_headers}"
          COMPONENT development
          INCLUDES DESTINATION "${octet_headers}")
  install(EXPORT octet NAMESPACE octet:: FILE octet-targets.cmake
          DESTINATION "${octet_package}" COMPONENT development)
  configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/deploy/cmake/octet-config.cmake.in"
    "${PROJECT_BINARY_DIR}/octet-config.cmake"
    INSTALL_DESTINATION "${octet_package}")
  # Until 1.0 a minor version may change what is there.
  write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/octet-config-version.cmake"
    COMPATIBILITY SameMinorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/octet-config.cmake"
                "${PROJECT_BINARY_DIR}/octet-config-version.cmake"
          DESTINATION "${octet_package}" COMPONENT development)
endfunction()

octet_install_program(octet-server server)
octet_install_program(octet client)
octet_install_program(octet-model tools)
octet_install_client_library()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/proto"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/octet" COMPONENT protocol
        FILES_MATCHING PATTERN "*.proto")
foreach(document README.md LICENSE server/README.md client/README.md
        proto/README.md)
  get_filename_component(folder "${document}" DIRECTORY)
  install(FILES "${PROJECT_SOURCE_DIR}/${document}"
          DESTINATION "${CMAKE_INSTALL_DOCDIR}/${folder}" COMPONENT documents)
endforeach()

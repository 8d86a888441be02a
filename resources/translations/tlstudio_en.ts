<?xml version='1.0' encoding='utf-8'?>
<TS version="2.1" language="en" sourcelanguage="en">
 <context>
  <name>AnswersView</name>
  <message numerus="yes">
   <source>%n answer(s)</source>
   <translation>
    <numerusform>%n answer</numerusform>
    <numerusform>%n answers</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>CacheCard</name>
  <message numerus="yes">
   <source>%n file(s), {0}</source>
   <translation>
    <numerusform>%n file, {0}</numerusform>
    <numerusform>%n files, {0}</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>ClassCounts</name>
  <message numerus="yes">
   <source>%n answer(s)</source>
   <translation>
    <numerusform>%n answer</numerusform>
    <numerusform>%n answers</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>ClassTable</name>
  <message numerus="yes">
   <source>%n picture(s)</source>
   <translation>
    <numerusform>%n picture</numerusform>
    <numerusform>%n pictures</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>ClassView</name>
  <message numerus="yes">
   <source>Its %n picture(s) will count as “{into}”. No file is moved, and Ctrl+Z takes it back.</source>
   <translation>
    <numerusform>Its %n picture will count as “{into}”. No file is moved, and Ctrl+Z takes it back.</numerusform>
    <numerusform>Its %n pictures will count as “{into}”. No file is moved, and Ctrl+Z takes it back.</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>DatasetPanel</name>
  <message numerus="yes">
   <source>%n class(es)</source>
   <translation>
    <numerusform>%n class</numerusform>
    <numerusform>%n classes</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s)</source>
   <translation>
    <numerusform>%n picture</numerusform>
    <numerusform>%n pictures</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>DecisionBar</name>
  <message numerus="yes">
   <source>%n picture(s) in more than one class: look at each and say which is right.</source>
   <translation>
    <numerusform>%n picture in more than one class: look at each and say which is right.</numerusform>
    <numerusform>%n pictures in more than one class: look at each and say which is right.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s), each with its copies beside it.</source>
   <translation>
    <numerusform>%n picture, each with its copies beside it.</numerusform>
    <numerusform>%n pictures, each with its copies beside it.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n group(s) of pictures that belong together.</source>
   <translation>
    <numerusform>%n group of pictures that belong together.</numerusform>
    <numerusform>%n groups of pictures that belong together.</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>DifferenceBar</name>
  <message numerus="yes">
   <source>%n new</source>
   <translation>
    <numerusform>%n new</numerusform>
    <numerusform>%n new</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n gone</source>
   <translation>
    <numerusform>%n gone</numerusform>
    <numerusform>%n gone</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n changed</source>
   <translation>
    <numerusform>%n changed</numerusform>
    <numerusform>%n changed</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n moved</source>
   <translation>
    <numerusform>%n moved</numerusform>
    <numerusform>%n moved</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>and %n more</source>
   <translation>
    <numerusform>and %n more</numerusform>
    <numerusform>and %n more</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>DoubtsView</name>
  <message numerus="yes">
   <source>%n picture(s) chosen</source>
   <translation>
    <numerusform>%n picture chosen</numerusform>
    <numerusform>%n pictures chosen</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>Editor</name>
  <message numerus="yes">
   <source>Merged “{first}” into “{last}”: %n picture(s).</source>
   <translation>
    <numerusform>Merged “{first}” into “{last}”: %n picture.</numerusform>
    <numerusform>Merged “{first}” into “{last}”: %n pictures.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Removed the class “{first}”; its %n picture(s) are left out.</source>
   <translation>
    <numerusform>Removed the class “{first}”; its %n picture are left out.</numerusform>
    <numerusform>Removed the class “{first}”; its %n pictures are left out.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Filed %n picture(s) under “{first}”.</source>
   <translation>
    <numerusform>Filed %n picture under “{first}”.</numerusform>
    <numerusform>Filed %n pictures under “{first}”.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>filing %n picture(s) under “{first}”</source>
   <translation>
    <numerusform>filing %n picture under “{first}”</numerusform>
    <numerusform>filing %n pictures under “{first}”</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Left out %n picture(s); the files stay where they are.</source>
   <translation>
    <numerusform>Left out %n picture; the files stay where they are.</numerusform>
    <numerusform>Left out %n pictures; the files stay where they are.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>leaving out %n picture(s)</source>
   <translation>
    <numerusform>leaving out %n picture</numerusform>
    <numerusform>leaving out %n pictures</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Used again: %n picture(s).</source>
   <translation>
    <numerusform>Used again: %n picture.</numerusform>
    <numerusform>Used again: %n pictures.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>using %n picture(s) again</source>
   <translation>
    <numerusform>using %n picture again</numerusform>
    <numerusform>using %n pictures again</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Moved %n picture(s) to another part.</source>
   <translation>
    <numerusform>Moved %n picture to another part.</numerusform>
    <numerusform>Moved %n pictures to another part.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>moving %n picture(s) to another part</source>
   <translation>
    <numerusform>moving %n picture to another part</numerusform>
    <numerusform>moving %n pictures to another part</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Not in the project any more: %n picture(s).</source>
   <translation>
    <numerusform>Not in the project any more: %n picture.</numerusform>
    <numerusform>Not in the project any more: %n pictures.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Added %n picture(s) as class {label}.</source>
   <translation>
    <numerusform>Added %n picture as class {label}.</numerusform>
    <numerusform>Added %n pictures as class {label}.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Added %n picture(s) in {number} classes.</source>
   <translation>
    <numerusform>Added %n picture in {number} classes.</numerusform>
    <numerusform>Added %n pictures in {number} classes.</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>FeatureMap</name>
  <message numerus="yes">
   <source>and %n more</source>
   <translation>
    <numerusform>and %n more</numerusform>
    <numerusform>and %n more</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>MainWindow</name>
  <message numerus="yes">
   <source>{device}, %n thread(s)</source>
   <translation>
    <numerusform>{device}, %n thread</numerusform>
    <numerusform>{device}, %n threads</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>MistakesPage</name>
  <message numerus="yes">
   <source>No mistake: all %n picture(s) were recognised.</source>
   <translation>
    <numerusform>No mistake: all %n picture were recognised.</numerusform>
    <numerusform>No mistake: all %n pictures were recognised.</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>ModelCard</name>
  <message numerus="yes">
   <source>and %n more class(es)</source>
   <translation>
    <numerusform>and %n more class</numerusform>
    <numerusform>and %n more classes</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s)</source>
   <translation>
    <numerusform>%n picture</numerusform>
    <numerusform>%n pictures</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>NetworksPage</name>
  <message numerus="yes">
   <source>{0}: the weights of %n network(s), {1}.</source>
   <translation>
    <numerusform>{0}: the weights of %n network, {1}.</numerusform>
    <numerusform>{0}: the weights of %n networks, {1}.</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>PackDialog</name>
  <message numerus="yes">
   <source>%n network(s), {0}.</source>
   <translation>
    <numerusform>%n network, {0}.</numerusform>
    <numerusform>%n networks, {0}.</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>PictureGrid</name>
  <message numerus="yes">
   <source>%n picture(s)</source>
   <translation>
    <numerusform>%n picture</numerusform>
    <numerusform>%n pictures</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>PredictPanel</name>
  <message numerus="yes">
   <source>Saved %n answer(s) in {file}.</source>
   <translation>
    <numerusform>Saved %n answer in {file}.</numerusform>
    <numerusform>Saved %n answers in {file}.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Copied %n picture(s) into {folder}.</source>
   <translation>
    <numerusform>Copied %n picture into {folder}.</numerusform>
    <numerusform>Copied %n pictures into {folder}.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n of them to be looked through by hand.</source>
   <translation>
    <numerusform>%n of them to be looked through by hand.</numerusform>
    <numerusform>%n of them to be looked through by hand.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Removed %n copied picture(s) again.</source>
   <translation>
    <numerusform>Removed %n copied picture again.</numerusform>
    <numerusform>Removed %n copied pictures again.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n file(s) had to stay: changed since, or the only copy left.</source>
   <translation>
    <numerusform>%n file had to stay: changed since, or the only copy left.</numerusform>
    <numerusform>%n files had to stay: changed since, or the only copy left.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n answer(s)</source>
   <translation>
    <numerusform>%n answer</numerusform>
    <numerusform>%n answers</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n class(es)</source>
   <translation>
    <numerusform>%n class</numerusform>
    <numerusform>%n classes</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>ProgressLine</name>
  <message numerus="yes">
   <source>%n more run(s) after this</source>
   <translation>
    <numerusform>%n more run after this</numerusform>
    <numerusform>%n more runs after this</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>ReliabilityPage</name>
  <message numerus="yes">
   <source>Only %n picture(s) were judged: the whiskers are long. Take it as a hint.</source>
   <translation>
    <numerusform>Only %n picture were judged: the whiskers are long. Take it as a hint.</numerusform>
    <numerusform>Only %n pictures were judged: the whiskers are long. Take it as a hint.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s)</source>
   <translation>
    <numerusform>%n picture</numerusform>
    <numerusform>%n pictures</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>RemarkList</name>
  <message numerus="yes">
   <source>%n picture(s) left out by you</source>
   <translation>
    <numerusform>%n picture left out by you</numerusform>
    <numerusform>%n pictures left out by you</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n file(s) could not be read and will not be used</source>
   <translation>
    <numerusform>%n file could not be read and will not be used</numerusform>
    <numerusform>%n files could not be read and will not be used</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) filed under more than one class</source>
   <translation>
    <numerusform>%n picture filed under more than one class</numerusform>
    <numerusform>%n pictures filed under more than one class</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) with a changed copy in another class</source>
   <translation>
    <numerusform>%n picture with a changed copy in another class</numerusform>
    <numerusform>%n pictures with a changed copy in another class</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) both to train on and to check with: accuracy will look too good</source>
   <translation>
    <numerusform>%n picture both to train on and to check with: accuracy will look too good</numerusform>
    <numerusform>%n pictures both to train on and to check with: accuracy will look too good</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) to train on with a changed copy to check with: accuracy will look too good</source>
   <translation>
    <numerusform>%n picture to train on with a changed copy to check with: accuracy will look too good</numerusform>
    <numerusform>%n pictures to train on with a changed copy to check with: accuracy will look too good</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n group(s) that belong together both to train on and to check with</source>
   <translation>
    <numerusform>%n group that belong together both to train on and to check with</numerusform>
    <numerusform>%n groups that belong together both to train on and to check with</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) there more than once in a class</source>
   <translation>
    <numerusform>%n picture there more than once in a class</numerusform>
    <numerusform>%n pictures there more than once in a class</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) there again, re-encoded, resized or cropped</source>
   <translation>
    <numerusform>%n picture there again, re-encoded, resized or cropped</numerusform>
    <numerusform>%n pictures there again, re-encoded, resized or cropped</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) of nearly one colour, with nothing to learn from</source>
   <translation>
    <numerusform>%n picture of nearly one colour, with nothing to learn from</numerusform>
    <numerusform>%n pictures of nearly one colour, with nothing to learn from</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n very dark picture(s)</source>
   <translation>
    <numerusform>%n very dark picture</numerusform>
    <numerusform>%n very dark pictures</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n grey picture(s) among coloured ones</source>
   <translation>
    <numerusform>%n grey picture among coloured ones</numerusform>
    <numerusform>%n grey pictures among coloured ones</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) more than twice as long as wide; the preview shows what the network sees</source>
   <translation>
    <numerusform>%n picture more than twice as long as wide; the preview shows what the network sees</numerusform>
    <numerusform>%n pictures more than twice as long as wide; the preview shows what the network sees</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n tiny picture(s), with little to see when enlarged</source>
   <translation>
    <numerusform>%n tiny picture, with little to see when enlarged</numerusform>
    <numerusform>%n tiny pictures, with little to see when enlarged</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) with more than 8 bits, each scaled from its darkest to its brightest value</source>
   <translation>
    <numerusform>%n picture with more than 8 bits, each scaled from its darkest to its brightest value</numerusform>
    <numerusform>%n pictures with more than 8 bits, each scaled from its darkest to its brightest value</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n file(s) with several frames or pages; only the first is used</source>
   <translation>
    <numerusform>%n file with several frames or pages; only the first is used</numerusform>
    <numerusform>%n files with several frames or pages; only the first is used</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>ResultsNote</name>
  <message numerus="yes">
   <source>… and %n more</source>
   <translation>
    <numerusform>… and %n more</numerusform>
    <numerusform>… and %n more</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>SortingDialog</name>
  <message numerus="yes">
   <source>All %n answer(s)</source>
   <translation>
    <numerusform>All %n answer</numerusform>
    <numerusform>All %n answers</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>The %n selected</source>
   <translation>
    <numerusform>The %n selected</numerusform>
    <numerusform>The %n selected</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>Copy %n picture(s)</source>
   <translation>
    <numerusform>Copy %n picture</numerusform>
    <numerusform>Copy %n pictures</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n picture(s) already in place.</source>
   <translation>
    <numerusform>%n picture already in place.</numerusform>
    <numerusform>%n pictures already in place.</numerusform>
   </translation>
  </message>
  <message numerus="yes">
   <source>%n unreadable picture(s) left out.</source>
   <translation>
    <numerusform>%n unreadable picture left out.</numerusform>
    <numerusform>%n unreadable pictures left out.</numerusform>
   </translation>
  </message>
 </context>
 <context>
  <name>TreePane</name>
  <message numerus="yes">
   <source>%n found</source>
   <translation>
    <numerusform>%n found</numerusform>
    <numerusform>%n found</numerusform>
   </translation>
  </message>
 </context>
</TS>